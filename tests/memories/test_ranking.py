"""The ranking on made-up candidates: what each signal does, and what the two stages promise."""

from dataclasses import fields, replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.ranking import (
    DEFAULT_PROFILE,
    ROLE_ASSISTANT,
    ROLE_USER,
    Candidates,
    Closer,
    Content,
    Scope,
    blend,
    dense_text,
    first_stage,
    most_linked,
    other_names,
    read_date,
    read_question,
    recency,
    saturation,
    second_stage,
)
from memories.ranking.late import token_weights
from memories.ranking.signals import (
    Neighbourhood,
    alike,
    bm25,
    inverse_document_frequency,
    names_told,
    on_date,
    relative_length,
    session_best,
    to_unit,
)

QUESTION = read_question("What did Ann paint?", ["Ann", "Bob"])


def candidates(n=4, **columns):
    """Rows of one conversation that are all alike, but for the columns given."""
    made = {
        "frequencies": np.zeros((n, 2), np.int16),
        "lengths": np.full(n, 10, np.int32),
        "cosines": np.full(n, 0.2, np.float32),
        "conversations": np.zeros(n, np.int32),
        "turns": np.arange(n, dtype=np.int32) * 10,
        "speakers": [""] * n,
        "roles": np.full(n, ROLE_USER, np.int8),
        "occurred": np.full(n, np.datetime64("2023-05-08T12:00:00", "s")),
        "asks": np.zeros(n, np.bool_),
    }
    return Candidates(**made | {name: _like(made[name], value) for name, value in columns.items()})


def _like(column, value):
    return np.array(value, dtype=column.dtype) if isinstance(column, np.ndarray) else value


def scope(average_length=10.0, documents=100, found=(5, 50)):
    return Scope(documents, average_length, np.array(found, np.int32))


def rank(made, question=QUESTION, profile=DEFAULT_PROFILE, **statistics):
    return first_stage(question, made, scope(**statistics), profile)


class TestQuestion:
    def test_names_leave_the_dense_text(self):
        assert dense_text("When did Ann's dog meet Bob?", ["Ann", "Bob"]) == "When did my dog meet I?"

    def test_roles_are_not_names(self):
        assert dense_text("What did the user say?", ["user", "assistant", ""]) == "What did the user say?"

    def test_short_forms_and_first_names_are_the_same_person(self):
        assert dense_text("Has Mel met Joe's aunt?", ["Melanie", "Joe Smith"]) == "Has I met my aunt?"
        assert read_question("Has Mel called?", ["Melanie", "Ann"]).named == {"Melanie"}

    @pytest.mark.parametrize(
        ("text", "speaker"),
        [
            ("And what then?", "Andrew"),
            ("Is it the same?", "Sam"),
            ("What will it cost?", "Will"),
            ("a mel", "Melanie"),
        ],
    )
    def test_common_words_are_not_names(self, text, speaker):
        assert dense_text(text, [speaker]) == text
        assert not read_question(text, [speaker]).named

    def test_a_name_with_signs_does_not_break_the_pattern(self):
        assert dense_text("What did A+B (x) say?", ["A+B (x)", "  "]) == "What did I say?"

    @pytest.mark.parametrize(
        ("text", "year", "months", "day"),
        [
            ("What happened on 5 May 2023?", 2023, (5,), 5),
            ("What happened on May 5th, 2023?", 2023, (5,), 5),
            ("Who came in June or July?", None, (6, 7), None),
            ("What changed in 2022?", 2022, (), None),
            ("What was said on 2023-10-13?", 2023, (10,), 13),
            ("Where were they in March 2024?", 2024, (3,), None),
        ],
    )
    def test_dates(self, text, year, months, day):
        when = read_date(text)
        assert (when.year, when.months, when.day) == (year, months, day)

    @pytest.mark.parametrize("text", ["What may she do?", "Who marched?", "Room 12345?", ""])
    def test_no_date(self, text):
        assert read_date(text) is None


class TestSignals:
    def test_bm25_by_hand(self):
        idf = inverse_document_frequency(10, np.array([1], np.int32))
        score = bm25(np.array([[2.0]]), np.array([10.0]), 20.0, idf, k1=1.2, b=0.75)
        assert idf[0] == pytest.approx(np.log(1 + 9.5 / 1.5))
        assert score[0] == pytest.approx(idf[0] * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 0.5)))

    def test_unit_fills_what_is_unknown_with_the_mean(self):
        assert to_unit(np.array([1.0, 3.0, np.nan])).tolist() == [0.0, 1.0, 0.5]
        assert to_unit(np.array([np.nan, np.nan])).tolist() == [0.0, 0.0]
        assert to_unit(np.array([1.0, 3.0, np.nan, np.nan]), unknown=np.array([1, 1, 0.7, 0.2])).tolist() == [
            0,
            1,
            0.7,
            0.5,
        ]
        assert to_unit(np.array([2.0, np.nan]), unknown=np.array([1, 0.7])).tolist() == [0.0, 0.7]
        assert to_unit(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]

    def test_a_floor_keeps_the_lesser_of_two_good_matches(self):
        assert to_unit(np.array([0.6, 0.3]), floor=0.0).tolist() == [1.0, 0.5]
        assert to_unit(np.array([0.6]), floor=0.0).tolist() == [1.0]
        assert to_unit(np.array([0.5, 0.0, -0.5]), floor=0.0).tolist() == [1.0, 0.5, 0.0]

    def test_neighbours_are_turns_of_the_same_conversation(self):
        near = Neighbourhood.of(np.array([1, 0, 0, 0, -1], np.int32), np.array([2, 3, 1, 2, 2], np.int32), 2)
        values = np.array([10.0, 1.0, 2.0, 4.0, 100.0])
        assert near.spread(values, 0.5).tolist() == [0.0, 4 / 2 + 2 / 4, 4 / 2 + 1 / 4, 1 / 2 + 2 / 2, 0.0]
        assert near.window(values, 3.0).tolist() == [30.0, 7.0, 10.0, 15.0, 300.0]
        assert near.after(values).tolist() == [0.0, 4.0, 0.0, 2.0, 0.0]

    def test_the_strongest_of_the_window_ignores_the_unknown(self):
        near = Neighbourhood.of(np.zeros(3, np.int32), np.array([1, 2, 3], np.int32), 1)
        strongest = near.strongest(np.array([[1.0], [np.nan], [0.2]]), 0.5)
        assert strongest[:, 0].tolist() == [1.0, 0.5, 0.2]

    def test_session_best_is_the_mean_of_the_best(self):
        conversations = np.array([0, 0, 0, 1, -1], np.int32)
        best = session_best(conversations, np.array([1.0, 2.0, 3.0, 0.5, 9.0]), 2)
        assert best.tolist() == [2.5, 2.5, 2.5, 0.5, 9.0]

    def test_dates_fit_better_the_nearer(self):
        days = ["2023-05-08", "2023-05-13", "2023-05-28", "2023-06-03", "2023-06-20", "2022-05-08", "NaT"]
        occurred = np.array(days, "datetime64[s]")
        assert on_date(occurred, read_date("on 8 May 2023")).tolist() == [2.0, 1.5, 1.0, 0.4, 0.0, 0.0, 0.0]
        assert on_date(occurred, read_date("in 2022")).tolist() == [0, 0, 0, 0, 0, 0.3, 0]

    def test_length_is_bounded(self):
        assert relative_length(np.array([0.0, 9.0, 10_000.0]), 10.0) == pytest.approx(
            [np.log(0.1) / 3, 0.0, 1.0]
        )

    def test_stop_words_and_punctuation_count_less(self):
        weights = token_weights(["what", "paint", "##ing", "?"], 0.25)
        assert weights == pytest.approx(np.array([0.25, 1.0, 1.0, 0.0]) / 2.25)
        assert token_weights(["?"], 0.25).tolist() == [1.0]


class TestFirstStage:
    @pytest.mark.parametrize(
        "columns",
        [
            {"frequencies": [[0, 0], [1, 0], [0, 0], [0, 0]]},
            {"cosines": [0.1, 0.9, 0.1, 0.1]},
            {"speakers": ["Bob", "Ann", "Bob", "Bob"]},
            {"asks": [True, False, True, True]},
            {"roles": [ROLE_ASSISTANT, ROLE_USER, ROLE_ASSISTANT, ROLE_ASSISTANT]},
        ],
    )
    def test_what_speaks_for_a_row_brings_it_first(self, columns):
        assert rank(candidates(**columns)).order[0] == 1

    def test_the_rarer_word_counts_more(self):
        made = candidates(frequencies=[[0, 1], [1, 0], [0, 0], [0, 0]])
        assert rank(made).order.tolist()[:2] == [1, 0]

    def test_the_answer_follows_its_question(self):
        made = candidates(cosines=[0.1, 0.1, 0.9, 0.1], turns=[7, 3, 2, 8], asks=[False, False, True, False])
        assert rank(made).order.tolist()[:2] == [2, 1]

    def test_a_date_in_the_question(self):
        occurred = ["2023-01-08", "2023-03-08", "2023-05-08", "2023-07-08"]
        asked = read_question("What happened in May 2023?", [])
        assert rank(candidates(occurred=occurred), asked).order[0] == 2

    def test_contributions_add_up(self):
        ranking = rank(
            candidates(frequencies=[[1, 0], [0, 2], [0, 0], [1, 1]], cosines=[0.4, 0.1, 0.3, np.nan])
        )
        assert sum(ranking.contributions.values()) == pytest.approx(ranking.fused)

    def test_rows_without_a_vector_are_neither_first_nor_last(self):
        assert rank(candidates(n=3, cosines=[0.9, np.nan, 0.0])).order.tolist() == [0, 1, 2]

    def test_without_any_vector_words_carry_all(self):
        made = candidates(frequencies=[[0, 0], [2, 1], [0, 1], [0, 0]], cosines=[np.nan] * 4)
        ranking = rank(made)
        assert ranking.order.tolist()[:2] == [1, 2]
        assert "dense" not in ranking.contributions

    @pytest.mark.parametrize(("mode", "first"), [("text", 1), ("vector", 2)])
    def test_modes_ignore_the_other_evidence(self, mode, first):
        made = candidates(frequencies=[[0, 0], [2, 1], [0, 0], [0, 0]], cosines=[0.1, 0.1, 0.9, 0.1])
        assert rank(made, profile=replace(DEFAULT_PROFILE, mode=mode)).order[0] == first

    def test_reciprocal_ranks(self):
        made = candidates(frequencies=[[0, 0], [2, 1], [0, 0], [0, 0]], cosines=[0.1, 0.9, 0.2, 0.1])
        ranking = rank(made, profile=replace(DEFAULT_PROFILE, fusion="rrf"))
        assert ranking.order[0] == 1
        assert set(ranking.contributions) <= {each.name for each in fields(Content)}
        assert sum(ranking.contributions.values()) == pytest.approx(ranking.fused)

    @pytest.mark.parametrize("n", [0, 1])
    def test_few_candidates(self, n):
        ranking = rank(candidates(n=n))
        assert ranking.order.tolist() == list(range(n))
        assert len(ranking.similarity) == n

    def test_a_question_of_stop_words_only(self):
        made = candidates(frequencies=np.zeros((4, 0)), cosines=[0.1, 0.1, 0.9, 0.1])
        ranking = first_stage(QUESTION, made, scope(found=()), DEFAULT_PROFILE)
        assert ranking.order[0] == 2
        assert 0 < ranking.confidence < 1

    def test_saturation_follows_the_length_of_the_messages(self):
        short, long = saturation(DEFAULT_PROFILE, 15.0), saturation(DEFAULT_PROFILE, 300.0)
        assert short == pytest.approx((1.2, 0.75), abs=0.01)
        assert long == pytest.approx((1.2, 1.0), abs=0.01)

    def test_for_several_things_the_conversation_counts_less(self):
        made = candidates(conversations=[0, 0, 1, 2], cosines=[0.6, 0.5, 0.2, 0.1])
        one, several = (
            rank(made, read_question(f"{asked} did Ann paint?", [])) for asked in ("What", "What houses")
        )
        structure = DEFAULT_PROFILE.structure_short.session
        share = (structure + DEFAULT_PROFILE.structure_several.session) / structure
        assert several.contributions["session"] == pytest.approx(
            share * one.contributions["session"], rel=1e-2
        )
        assert several.contributions["session"].max() < one.contributions["session"].max()

    def test_among_long_messages_the_graph_adds_fewer(self):
        long = most_linked(scope(average_length=300.0), DEFAULT_PROFILE)
        assert long < most_linked(scope(), DEFAULT_PROFILE) == DEFAULT_PROFILE.linked


class TestConfidence:
    def test_a_question_that_is_met_scores_higher_than_one_that_is_not(self):
        met = rank(candidates(frequencies=[[1, 1], [0, 0], [0, 0], [0, 0]], cosines=[0.6, 0.1, 0.1, 0.1]))
        missed = rank(candidates(frequencies=[[0, 0], [0, 1], [0, 0], [0, 0]], cosines=[0.3, 0.1, 0.1, 0.1]))
        assert met.similarity.max() == met.confidence > 0.8
        assert missed.similarity.max() == missed.confidence < 0.2

    def test_a_scope_of_one_or_two_memories(self):
        one = rank(candidates(n=1, frequencies=[[1, 1]], cosines=[0.6], roles=[0]))
        assert one.similarity[0] == one.confidence > 0.8
        two = rank(candidates(n=2, frequencies=[[1, 1], [1, 1]], cosines=[0.6, 0.5], roles=[0, 0]))
        assert two.similarity[1] > 0.8 * two.similarity[0]

    def test_words_or_vectors_alone_tell_too(self):
        words = rank(candidates(frequencies=[[1, 1], [0, 0], [0, 0], [0, 0]], cosines=[np.nan] * 4))
        vectors = rank(candidates(cosines=[0.7, 0, 0, 0]), profile=replace(DEFAULT_PROFILE, mode="vector"))
        assert words.confidence > 0.8
        assert vectors.similarity[0] == pytest.approx(0.7)  # by vectors alone the cosine is what is told


def looked(tokens, matches, gists=None, names=None):
    """Rows that were looked at closer: all of one gist and without names, but for what is given."""
    n = len(matches)
    return Closer(
        tokens,
        np.array(matches, np.float32),
        np.array(np.ones((n, 2)) if gists is None else gists, np.float32),
        np.array([0] * n if names is None else names, np.int16),
    )


class TestSecondStage:
    MADE = candidates(cosines=[0.5, 0.45, 0.4, 0.1], frequencies=[[1, 0], [0, 0], [0, 0], [0, 0]])

    def second(self, matches, rows=(0, 1, 2), tokens=("what", "paint"), made=MADE, question=QUESTION, **seen):
        first = rank(made)
        ranked = np.array(rows, np.intp)
        closer = looked(tokens, matches, **seen)
        return first, second_stage(question, first, ranked, closer, made, scope(), DEFAULT_PROFILE)

    def test_token_matches_change_the_order_of_the_best(self):
        first, second = self.second([[0.2, 0.1], [0.2, 0.1], [0.2, 0.9]])
        assert first.order.tolist() == [0, 1, 2, 3]
        assert second.order.tolist() == [2, 0, 1, 3]

    def test_stop_words_alone_do_not(self):
        _, second = self.second([[0.3, 0.5], [0.9, 0.3], [0.1, 0.1]])
        assert second.order[0] == 0

    def test_the_others_stay_below_in_their_order(self):
        _, second = self.second([[0.1, 0.1], [0.9, 0.9]], rows=(0, 1))
        assert second.order.tolist() == [1, 0, 2, 3]

    def test_a_neighbouring_turn_may_hold_the_match(self):
        made = replace(self.MADE, turns=np.array([1, 20, 21, 40], np.int32))
        _, second = self.second([[0.1, 0.2], [0.1, 0.3], [0.1, 0.9]], made=made)
        assert second.contributions["late_window"][1] > 0.8 * second.contributions["late_window"][2]

    def test_contributions_add_up_and_similarity_falls(self):
        _, second = self.second([[0.1, 0.2], [np.nan, np.nan], [0.4, 0.9]])
        assert sum(second.contributions.values()) == pytest.approx(second.fused)
        assert (np.diff(second.similarity[second.order]) <= 0).all()

    def test_without_token_vectors_the_first_stage_stands(self):
        first, second = self.second(np.full((3, 2), np.nan))
        assert second is first

    def test_what_names_something_rises_where_a_name_may_be_the_answer(self):
        alike = [[0.2, 0.3]] * 3
        _, second = self.second(alike, names=[0, 3, 0])
        full = pytest.approx(DEFAULT_PROFILE.structure_short.names, rel=0.01)
        assert second.contributions["names"].tolist() == [0, full, 0, 0]
        _, second = self.second(alike, names=[0, 3, 0], question=read_question("When did Ann paint?", []))
        assert "names" not in second.contributions

    def test_what_is_like_the_best_rises(self):
        profile_of_one = replace(DEFAULT_PROFILE, alike_to=1)
        made, matches, gists = self.MADE, [[0.2, 0.9], [0.2, 0.3], [0.2, 0.3]], [[1, 0], [0, 1], [9, 1]]
        first = rank(made)
        second = second_stage(
            QUESTION,
            first,
            np.arange(3),
            looked(("what", "paint"), matches, gists),
            made,
            scope(),
            profile_of_one,
        )
        told = second.contributions["alike"]
        assert told[0] > told[2] > told[1] == 0

    def test_of_ranks_only_content_is_fused(self):
        first = rank(self.MADE, profile=(ranks := replace(DEFAULT_PROFILE, fusion="rrf")))
        closer = looked(("what", "paint"), [[0.2, 0.1], [0.2, 0.9]], names=[1, 2])
        second = second_stage(QUESTION, first, np.arange(2), closer, self.MADE, scope(), ranks)
        assert not {"names", "alike"} & {*second.contributions}


class TestCloserLook:
    def test_names_count_less_the_more_there_are(self):
        assert names_told(np.array([0, 1, 3, 9], np.int16)).tolist() == [0.0, 0.5, 1.0, 1.0]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("What books has Tim read?", True),
            ("In which city was it?", True),
            ("who else came", True),
            ("When did Tim read it?", False),
            ("How is Tim?", False),
            ("Does Tim know what to do?", False),
        ],
    )
    def test_which_questions_ask_for_names(self, text, expected):
        assert read_question(text, []).for_names is expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("What books did Tim read?", True),
            ("Which gaming consoles does he own?", True),
            ("And whose kids are here?", True),
            ("How many pets does James have?", True),
            ("What kind of art does she make?", True),
            ("Where has Melanie camped?", True),
            ("Which of his friends have come?", True),
            ("What are Melanie's hobbies?", True),
            ("What people did he meet?", True),
            ("Who has the key?", False),
            ("What helps Jon relax?", False),
            ("Which bus did Ann take?", False),
            ("What status is the order in?", False),
            ("How many business days did it take?", False),
            ("How many weeks did it take?", False),
            ("What is his favourite dish?", False),
            ("What was the class about?", False),
            ("What did she say of his books?", False),
            ("Which book does he like?", False),
            ("When did the guests leave?", False),
            ("Who is this?", False),
        ],
    )
    def test_which_questions_ask_for_several_things(self, text, expected):
        assert read_question(text, []).for_several is expected

    def test_speakers_and_roles_are_no_other_names(self):
        assert other_names(["Mel", "Melanie", "user", "Oslo"], ["Melanie", "user"]) == {"Oslo"}
        assert other_names(["Oslo"], []) == {"Oslo"}

    def test_length_does_not_matter_to_likeness(self):
        told = alike(np.array([[1, 0], [0, 3], [5, 5]], np.float32), np.array([0]))
        assert told == pytest.approx([1.0, 0.0, 0.5**0.5])

    def test_rows_without_a_gist_are_neither_sought_nor_preferred(self):
        gists = np.array([[np.nan, np.nan], [1, 0], [0, 1]], np.float32)
        assert alike(gists, np.array([0, 1])) == pytest.approx([0.5, 1.0, 0.0])
        assert alike(gists, np.array([0])).tolist() == [0.0, 0.0, 0.0]
        assert alike(gists[:0], np.array([], np.intp)).tolist() == []


class TestBlend:
    def test_weights_are_shares_and_strength_one_is_the_plain_formula(self):
        profile = replace(DEFAULT_PROFILE, strength=1.0, half_life_days=1.0)
        score = blend(np.array([0.5]), np.array([1.0]), np.array([86_400.0]), profile)
        assert score[0] == pytest.approx(0.6 * 0.5 + 0.3 * 1.0 + 0.1 * 0.5)

    def test_strength_zero_is_similarity(self):
        profile = replace(DEFAULT_PROFILE, strength=0.0)
        assert blend(np.array([0.4]), np.array([1.0]), np.array([0.0]), profile)[0] == pytest.approx(0.4)

    def test_by_default_importance_decides_between_equals_only(self):
        importance, age = np.array([0.0, 1.0, 1.0]), np.zeros(3)
        scores = blend(np.array([0.80, 0.79, 0.70]), importance, age, DEFAULT_PROFILE)
        assert np.argsort(-scores).tolist() == [1, 0, 2]

    def test_importance_moves_poor_matches_no_more_than_good_ones(self):
        importance, age = np.array([0.0, 1.0]), np.zeros(2)
        scores = blend(np.array([0.10, 0.09]), importance, age, DEFAULT_PROFILE)
        assert scores[0] > scores[1]

    def test_recency_halves(self):
        profile = replace(DEFAULT_PROFILE, half_life_days=2.0)
        assert recency(np.array([-5.0, 0.0, 2 * 86_400.0]), profile).tolist() == [1.0, 1.0, 0.5]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 40),
    st.integers(0, 5),
    st.sampled_from(["hybrid", "text", "vector"]),
)
def test_any_candidates_give_a_whole_order_and_scores_in_bounds(seed, n, terms, mode):
    rng = np.random.default_rng(seed)
    made = candidates(
        n=n,
        frequencies=rng.poisson(0.5, (n, terms)),
        lengths=rng.integers(0, 500, n),
        cosines=np.where(rng.random(n) < 0.3, np.nan, rng.uniform(-1, 1, n)),
        conversations=rng.integers(-1, 4, n),
        turns=rng.integers(0, 6, n),
        speakers=[["", "Ann", "Bob"][i] for i in rng.integers(0, 3, n)],
        asks=rng.random(n) < 0.5,
        occurred=np.datetime64(datetime(2023, 1, 1), "s") + rng.integers(0, 10**8, n),
    )
    statistics = scope(average_length=float(rng.uniform(0, 300)), found=rng.integers(0, 200, terms))
    profile = replace(DEFAULT_PROFILE, mode=mode)
    question = read_question("What did Ann do in May 2023?", ["Ann"])
    first = first_stage(question, made, statistics, profile)
    rows = first.order[:5]
    gists = np.where(rng.random((len(rows), 1)) < 0.3, np.nan, rng.normal(size=(len(rows), 4)))
    closer = looked(["what", "a", "?"], rng.random((len(rows), 3)), gists, rng.integers(0, 5, len(rows)))
    for ranking in (first, second_stage(question, first, rows, closer, made, statistics, profile)):
        assert sorted(ranking.order.tolist()) == list(range(n))
        assert ((ranking.similarity >= 0) & (ranking.similarity <= 1)).all()
        assert (np.diff(ranking.similarity[ranking.order]) <= 1e-12).all()
        assert sum(ranking.contributions.values(), np.zeros(n)) == pytest.approx(ranking.fused)
