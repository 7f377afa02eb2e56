"""Names that mean the same and names that only look like it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.names import MAX_KEY, MAX_NAME, likeness, normal, sounds
from graph.resolution import DOUBTFUL, SAME

PAIRS = Path(__file__).parents[2] / "benchmarks/data/name_pairs.jsonl"
ROWS = [json.loads(line) for line in PAIRS.read_text().splitlines()]
# Letters of several scripts, the signs that rules look at, and words that they know.
NAMES = st.text() | st.lists(
    st.sampled_from(
        ["Anna", "anna-lena", "Bob", "Keller,", "Mr.", "The", "J.", "R.", "Ltd", "&", "Co", "II", "V", "4o", "15", "C++", "Ørsted", "東京", "राम"]
    ),
    max_size=5,
).map(" ".join)  # fmt: skip


def alike(one: str, other: str, kind: str) -> float:
    return likeness(normal(one), normal(other), person=kind == "person")


class TestNormal:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("  José   GARCÍA ", "jose garcia"),
            ("Keller, Anna", "anna keller"),
            ("Robert Downey, Jr.", "robert downey jr"),
            ("Dr. Anna Keller", "anna keller"),
            ("Dr. Keller", "dr keller"),
            ("Apple, Inc.", "apple"),
            ("Acme GmbH & Co. KG", "acme"),
            ("Nestlé S.A.", "nestle"),
            ("The Beatles", "beatles"),
            ("The Who", "the who"),
            ("the EU", "eu"),
            ("Conan O’Brien", "conan obrien"),
            ("Łódź", "lodz"),
            ("C++", "c++"),
            ("5 €", "5 €"),
            ("ハス", "ハス"),
            ("バス", "バス"),
            ("नरेन्द्र", "नरेन्द्र"),
            ("a.b@Example.com", "a.b@example.com"),
            ("~/notes/a-B", "~/notes/a-B"),
            ("...", ""),
            ("Mr", "mr"),
            ("The", "the"),
        ],
    )
    def test_how_a_name_is_written(self, name, expected):
        assert normal(name) == expected

    @given(NAMES)
    def test_any_text_has_one(self, name):
        found = normal(name)
        assert len(found) <= MAX_NAME
        assert found == " ".join(found.split())
        assert bool(found) >= any(map(str.isalnum, name))

    @given(st.text("ab /", max_size=20), st.text("ab /", max_size=20))
    def test_long_ones_are_told_apart_by_their_ends(self, one, other):
        beginning = "https://example.com/" + "a" * MAX_NAME
        assert (normal(beginning + one) == normal(beginning + other)) == (
            (beginning + one).split() == (beginning + other).split()
        )


class TestSounds:
    @given(NAMES.map(normal))
    def test_keys_fit(self, name):
        assert all(0 < len(key) <= MAX_KEY for key in sounds(name))

    @pytest.mark.parametrize(
        ("one", "other"),
        [("bob", "robert"), ("nyc", "new york city"), ("instagram", "instagam"), ("microsoft", "mircosoft")],
    )
    def test_who_may_be_one_is_found(self, one, other):
        assert sounds(one) & sounds(other)


class TestLikeness:
    @given(NAMES.map(normal), NAMES.map(normal), st.booleans())
    def test_of_any_two(self, one, other, person):
        found = likeness(one, other, person=person)
        assert 0 <= found <= 1
        assert found == likeness(other, one, person=person)
        assert likeness(one, one, person=person) == 1

    @given(st.text(), st.text())
    def test_of_what_is_no_normal_name(self, one, other):
        assert 0 <= likeness(one, other) <= 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [("Robert Bosch", "Robert Bosch GmbH"), ("GPT4", "GPT-4"), ("World War 2", "World War II"), ("Mircosoft", "Microsoft")],
    )  # fmt: skip
    def test_the_same(self, one, other):
        assert alike(one, other, "thing") >= SAME

    @pytest.mark.parametrize(
        ("one", "other"),
        [("A. Keller", "Anna Keller"), ("Bob Smith", "Robert Smith"), ("Anna", "Anna Keller"), ("Dr. Keller", "Anna Keller"), ("Jane Microsoft", "Jane Mircosoft")],
    )  # fmt: skip
    def test_people_in_doubt(self, one, other):
        assert DOUBTFUL <= alike(one, other, "person") < SAME

    @pytest.mark.parametrize(
        ("one", "other"),
        [("Daniel", "Daniela"), ("Mr Keller", "Mrs Keller"), ("my mother", "her mother"), ("John Paul I", "John Paul II")],
    )  # fmt: skip
    def test_other_people(self, one, other):
        assert alike(one, other, "person") < DOUBTFUL

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Python 3.12", "Python 31.2"),
            ("GPT-4", "GPT-4o"),
            ("Google", "Google+"),
            ("C", "C++"),
            ("WWI", "WWII"),
        ],
    )
    def test_other_things(self, one, other):
        assert alike(one, other, "product") < DOUBTFUL


class TestLabelledPairs:
    @pytest.mark.parametrize("part", ["tune", "check"])
    def test_none_is_merged_that_is_not_the_same(self, part):
        wrong = [
            (row["one"], row["other"])
            for row in ROWS
            if row["part"] == part
            and not row["same"]
            and alike(row["one"], row["other"], row["kind"]) >= SAME
        ]
        assert wrong == []

    def test_most_that_are_the_same_are_merged_or_doubted(self):
        found = [alike(row["one"], row["other"], row["kind"]) >= DOUBTFUL for row in ROWS if row["same"]]
        assert sum(found) >= 0.85 * len(found)

    def test_few_others_are_doubted(self):
        found = [alike(row["one"], row["other"], row["kind"]) >= DOUBTFUL for row in ROWS if not row["same"]]
        assert sum(found) <= 0.06 * len(found)

    def test_each_pair_is_there_once(self):
        assert len({(row["one"], row["other"], row["kind"]) for row in ROWS}) == len(ROWS)
