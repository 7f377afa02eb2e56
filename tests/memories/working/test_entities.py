"""Who and what a conversation speaks of: dialogues in, entities and their account out."""

import json
from datetime import datetime
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memories.working.entities import Tracker, Turn, render

ROLES = {"user", "assistant", "system", "tool"}


def turns(*lines, start=1):
    """Turns of lines such as "Nina: Hello"; a speaker named like a role has that role and no name."""
    made = []
    for number, line in enumerate(lines, start):
        speaker, _, text = line.partition(": ")
        role = speaker if speaker in ROLES else "user"
        made.append(Turn(number, role, "" if speaker in ROLES else speaker, text, None))
    return made


def tracked(*lines, **options):
    tracker = Tracker(**options)
    tracker.observe(*turns(*lines))
    return tracker


def named(tracker, name):
    """The entity of this name; fails if there is none or several."""
    (entity,) = [each for each in tracker.entities if each.name == name]
    return entity


def names(tracker):
    return {each.name for each in tracker.entities}


def bases(entity):
    return {(guess.text, guess.basis) for guess in entity.guesses}


class TestPeople:
    def test_name_role_and_state(self):
        tracker = tracked("Nina: My manager Elizabeth Smith moved to Lisbon.")
        elizabeth = named(tracker, "Elizabeth Smith")
        assert (elizabeth.kind, elizabeth.role, elizabeth.state) == (
            "person",
            "Nina's manager",
            "moved to Lisbon",
        )
        assert (elizabeth.first_turn, elizabeth.last_turn, elizabeth.mentions) == (1, 1, 1)
        assert named(tracker, "Lisbon").kind == "place"

    @pytest.mark.parametrize(
        "form",
        ["Liz", "Elizabeth", "Ms Smith", "E. Smith", "Smith", "elizabeth smith", "liz", "ELIZABETH SMITH"],
    )
    def test_forms_of_one_name(self, form):
        tracker = tracked("Nina: I met Elizabeth Smith.", f"Omar: Yesterday {form} called me.")
        elizabeth = named(tracker, "Elizabeth Smith")
        assert elizabeth.mentions == 2
        assert not elizabeth.guesses
        assert elizabeth.state == "called me"

    def test_short_form_first(self):
        tracker = tracked("Nina: Today Liz called.", "Omar: Do you mean Elizabeth Smith?")
        assert named(tracker, "Elizabeth Smith").aliases == ["Liz"]

    def test_slip_of_spelling_is_a_guess(self):
        tracker = tracked("Nina: I met Elizabeth Smith.", "Omar: I know Elizabteh well.")
        assert bases(named(tracker, "Elizabeth Smith")) == {("Elizabteh", "spelling")}
        assert "Elizabteh?" in render(tracker, budget_characters=500)

    @pytest.mark.parametrize(
        ("one", "other"), [("Ana", "Ann"), ("Ann", "Anna"), ("Marta", "Maria"), ("Jon", "Joe")]
    )
    def test_like_names_are_two_people(self, one, other):
        assert {one, other} <= names(
            tracked(f"Nina: I met {one} at work.", f"Nina: Then I met {other} there.")
        )

    def test_surnames_tell_people_apart_and_a_bare_name_stays_open(self):
        tracker = tracked("Nina: I met Anna Novak and Anna Petrov.", "Omar: I think Anna is late.")
        assert names(tracker) == {"Nina", "Omar", "Anna Novak", "Anna Petrov"}
        assert [named(tracker, name).mentions for name in ("Anna Novak", "Anna Petrov")] == [1, 1]
        assert not any(each.state == "is late" for each in tracker.entities)

    def test_a_title_tells_two_smiths_apart(self):
        tracker = tracked(
            "Nina: I met John Smith and Elizabeth Smith.",
            "Omar: Today Ms Smith resigned.",
            "Omar: And Smith?",
        )
        assert named(tracker, "Elizabeth Smith").state == "resigned"
        assert named(tracker, "John Smith").mentions == 1

    def test_given_name_and_surname_become_one_with_the_full_name(self):
        tracker = tracked(
            "Nina: I met Elizabeth.", "Nina: Yesterday Dr Smith called.", "Nina: That is Elizabeth Smith."
        )
        assert names(tracker) == {"Nina", "Elizabeth Smith"}
        assert named(tracker, "Elizabeth Smith").id == 2

    def test_initials(self):
        tracker = tracked("Nina: I joined the European Space Agency.", "Omar: Is the ESA a good place?")
        assert bases(named(tracker, "European Space Agency")) == {("ESA", "initials")}

    def test_who_is_first_described_and_then_named(self):
        tracker = tracked(
            "Nina: The landlord is late again.", "Omar: Who?", "Nina: The landlord is called Bruno Keller."
        )
        landlord = named(tracker, "Bruno Keller")
        assert (landlord.role, landlord.mentions, landlord.id) == ("landlord", 2, 2)

    @pytest.mark.parametrize(
        "said",
        [
            "My sister Beth called.",
            "Beth, my sister, called.",
            "Beth is my sister.",
            "My sister's name is Beth.",
            "She is nice, my sister Beth.",
        ],
    )
    def test_ways_to_say_a_role(self, said):
        assert named(tracked(f"Nina: {said}"), "Beth").role == "Nina's sister"

    def test_a_profession_is_a_role(self):
        tracker = tracked("Nina: I'm a nurse.", "Omar: Tom is a software engineer.")
        assert (named(tracker, "Nina").role, named(tracker, "Tom").role) == ("nurse", "software engineer")

    def test_two_speakers_have_two_sisters(self):
        tracker = tracked(
            "Nina: My sister moved to Porto.", "Omar: My sister is ill.", "Nina: Is your sister at home?"
        )
        assert named(tracker, "Omar's sister").mentions == 2
        assert named(tracker, "Nina's sister").state == "moved to Porto"

    def test_possessions_of_others(self):
        tracker = tracked("Nina: Beth's dog Rex is missing.")
        assert named(tracker, "Rex").role == "Beth's dog"
        assert named(tracker, "Rex").state == "is missing"


class TestSpeakers:
    def test_i_and_you(self):
        tracker = tracked("Nina: Hi Omar!", "Omar: I moved to Oslo.", "Nina: Will you come back?")
        assert named(tracker, "Omar").state == "moved to Oslo"
        assert named(tracker, "Omar").mentions == 4  # greeted, speaking, I, you

    def test_you_is_open_among_three(self):
        tracker = tracked("Nina: Hello.", "Omar: Hello.", "Petra: Hello.", "Nina: I like you.")
        assert named(tracker, "Omar").mentions == named(tracker, "Petra").mentions == 1

    def test_a_user_who_says_the_name(self):
        tracker = tracked(
            "user: My sister called.", "user: I'm Craig.", "assistant: Hello Craig! How is your sister?"
        )
        assert names(tracker) == {"Craig", "Craig's sister"}
        assert named(tracker, "Craig's sister").mentions == 2

    def test_an_assistant_is_nobody(self):
        assert names(tracked("user: Hello.", "assistant: I am happy to help you with my knowledge.")) == {
            "user"
        }

    def test_what_an_assistant_lists_is_not_spoken_of(self):
        tracker = tracked(
            "user: Which editor?",
            "assistant: Some options:\n- Sublime Text\n- **Zed**: fast\n### Next Steps\nI like Vim.",
        )
        assert names(tracker) == {"user", "Vim"}

    def test_tool_and_system_turns_have_no_speaker(self):
        tracker = tracked(
            "system: You are a helpful assistant. My rules are strict.",
            'tool: {"customer": "Elizabeth Smith", "my": "I"}',
        )
        assert names(tracker) == {"Elizabeth Smith"}


class TestPronouns:
    def test_she_is_the_only_woman(self):
        tracker = tracked("Nina: I met Anna and Tom.", "Omar: She moved to Lisbon.")
        anna = named(tracker, "Anna")
        assert (anna.state, anna.state_guessed) == ("moved to Lisbon", True)
        assert bases(anna) == {("She", "pronoun")}
        assert "moved to Lisbon?" in render(tracker, budget_characters=500)

    def test_she_is_open_between_two(self):
        tracker = tracked("Nina: I met Anna and Beth.", "Omar: She moved to Lisbon.")
        assert not any(each.guesses for each in tracker.entities)

    def test_she_is_open_when_the_name_is_out_of_reach(self):
        tracker = tracked("Nina: I met Anna.", "Omar: Fine.", "Nina: Yes.", "Omar: She moved.")
        assert not named(tracker, "Anna").guesses

    def test_she_is_not_who_takes_part(self):
        tracker = tracked("Nina: Hello.", "Beth: I met Anna.", "Nina: She called me.")
        assert named(tracker, "Anna").state == "called me"

    def test_it_is_the_only_thing(self):
        tracker = tracked("user: The dishwasher is broken.", "user: It is fixed now.")
        assert (named(tracker, "the dishwasher").state, named(tracker, "the dishwasher").state_guessed) == (
            "is fixed now",
            True,
        )

    def test_it_is_open_between_two(self):
        tracker = tracked("user: My car and my bike are old.", "user: It is broken.")
        assert not any(each.guesses for each in tracker.entities)

    def test_they(self):
        tracker = tracked("Nina: My kids love it here.", "Omar: They started school.")
        assert named(tracker, "Nina's kids").state == "started school"
        assert not any(
            each.guesses for each in tracked("Nina: I met Anna and Tom.", "Omar: They moved.").entities
        )


class TestThings:
    def test_states_change_over_time(self):
        tracker = Tracker()
        states = []
        for turn in turns(
            "user: The billing service is down.",
            "user: The billing service is running again.",
            "user: Is the billing service fast?",
        ):
            tracker.observe(turn)
            states.append(named(tracker, "the billing service").state)
        assert states == ["is down", "is running again", "is running again"]

    def test_similar_descriptions_are_one_by_a_guess(self):
        lines = ("user: The billing service is down.", "user: I restarted the billing backend.")
        asked = []

        def similar(a, b):
            asked.append({a, b})
            return 0.9

        merged = tracked(*lines, similar=similar)
        assert bases(named(merged, "the billing service")) == {("the billing backend", "similarity")}
        assert asked == [{"billing backend", "billing service"}]
        assert {"the billing service", "the billing backend"} <= names(tracked(*lines))
        assert {"the billing service", "the billing backend"} <= names(
            tracked(*lines, similar=lambda a, b: 0.3)
        )

    def test_two_of_a_kind_are_never_similar(self):
        tracker = tracked(
            "user: The billing service is down.", "user: The payment service is up.", similar=lambda a, b: 1
        )
        assert {"the billing service", "the payment service"} <= names(tracker)

    def test_names_are_not_asked_for_similarity(self):
        def similar(a, b):
            raise AssertionError

        tracked("Nina: I met Anna Novak.", "Nina: I met Hanna Novak and use Postgres.", similar=similar)

    def test_the_car_is_the_only_car(self):
        tracker = tracked("Nina: My car is broken.", "Omar: Where is the car?")
        assert bases(named(tracker, "Nina's car")) == {("the car", "description")}

    def test_titles_of_works(self):
        assert named(tracked('Nina: I read "Charlotte\'s Web" today.'), "Charlotte's Web").kind == "thing"


class TestIt:
    @pytest.mark.parametrize(
        "said",
        [
            "It was raining all day.",
            "It will probably rain again.",
            "It started to snow.",
            "Is it raining?",
            "It is five o'clock.",
            "It's 7 pm already.",
            "It's late.",
            "It was too early.",
            "It's getting dark.",
            "It has been cold.",
            "It'll be late.",
            "Isn't it cold today?",
            "It is Monday.",
            "It's time to go.",
            "It's a long way home.",
            "Is it far?",
            "It is possible that she left.",
            "It's important to rest.",
            "It is clear that we lost.",
            "It was really nice to see you.",
            "It would be better if you called.",
            "I find it hard to sleep.",
            "It seems fine.",
            "It takes an hour.",
            "How long does it take?",
            "It depends.",
            "It turns out that I was wrong.",
            "It looks like we won.",
            "It makes sense.",
            "I can't make it.",
            "How is it going?",
            "How's it going?",
        ],
    )
    def test_that_stands_for_nothing(self, said):
        assert not bases(named(tracked(f"Nina: I work at Acme Corp. {said}"), "Acme Corp"))

    @pytest.mark.parametrize(
        ("said", "text"),
        [
            ("It was founded in 1990.", "It"),
            ("I like it.", "it"),
            ("It's a small company.", "It"),
            ("Is it big?", "it"),
            ("It is twenty years old.", "It"),
            ("It is important.", "It"),
            ("It makes tractors.", "It"),
            ("It has two owners.", "It"),
            ("Did it fall apart?", "it"),
            ("It turned a profit.", "It"),
            ("It looks good.", "It"),
            ("It has grown a lot.", "It"),
            ("Its boss is nice to us.", "Its"),
        ],
    )
    def test_that_stands_for_the_only_thing(self, said, text):
        tracker = tracked(f"Nina: I work at Acme Corp. {said}")
        assert bases(named(tracker, "Acme Corp")) == {(text, "pronoun")}


class TestKinds:
    @pytest.mark.parametrize(
        ("said", "name", "kind"),
        [
            ("I work at Kestrel in the city.", "Kestrel", "organisation"),
            ("We sued Acme Corp.", "Acme Corp", "organisation"),
            ("They teach at the University of Porto.", "University of Porto", "organisation"),
            ("We moved to Dunwich.", "Dunwich", "place"),
            ("I saw Rainbow Street.", "Rainbow Street", "place"),
            ("Yesterday Zorbi said no.", "Zorbi", "person"),
            ("I like my Postgres.", "Postgres", "thing"),
        ],
    )
    def test_by_words_and_context(self, said, name, kind):
        assert named(tracked(f"Nina: {said}"), name).kind == kind

    def test_a_legal_form_may_be_left_out(self):
        assert named(tracked("Nina: We sued Acme Corp.", "Nina: And Acme paid."), "Acme Corp").mentions == 2

    @pytest.mark.parametrize(
        "said",
        [
            "On Monday in June we had Christmas.",
            "Thanks! Awesome. Wow, Really? Sounds great. Honestly, Maybe. Meanwhile, Nothing.",
            "Walking helps. Nature is great. Creativity matters. Family first.",
            "He speaks French and German. It's an OK TV.",
            "```python\nUser = Model()\nprint(Hello World)\n```",
            "# Project Plan\n**Next Steps:**\n| Name | Value |",
            "HELLO THERE EVERYBODY HOW ARE THINGS",
            "A Few Words Written Like Some Title",
            "See https://example.com/Anna and mail Tom@example.com now",
        ],
    )
    def test_what_names_nobody(self, said):
        assert names(tracked(f"Nina: {said}")) == {"Nina"}


class TestRendering:
    DIALOGUE = (
        "Nina: My manager Elizabeth Smith moved to Lisbon.",
        "Omar: Liz called me. My car is broken.",
        "Nina: I work at Acme Corp.",
    )

    def test_lines(self):
        assert render(tracked(*self.DIALOGUE), budget_characters=1000).splitlines() == [
            "Nina: work at Acme Corp [3]",
            "Omar [2]",
            "Elizabeth Smith (aka Liz; Nina's manager): called me [2]",
            "Acme Corp (organisation) [3]",
            "Omar's car: is broken [2]",
            "Lisbon (place) [1]",
        ]

    def test_the_day_of_an_older_mention(self):
        tracker = Tracker()
        tracker.observe(Turn(1, "user", "Nina", "I met Anna.", datetime(2026, 3, 1, 9)))
        tracker.observe(Turn(2, "user", "Nina", "I met Tom.", datetime(2026, 3, 4, 9)))
        assert "Anna [1, 2026-03-01]" in render(tracker, budget_characters=200)
        assert "Tom [2]" in render(tracker, budget_characters=200)

    def test_a_line_that_does_not_fit_makes_room_for_shorter_ones(self):
        assert render(tracked(*self.DIALOGUE), budget_characters=10) == "Omar [2]"

    def test_nothing(self):
        assert (
            render(Tracker(), budget_characters=100)
            == render(tracked(*self.DIALOGUE), budget_characters=0)
            == ""
        )


class TestBounds:
    def test_the_least_recently_mentioned_goes_first(self):
        tracker = tracked("Nina: I met Anna.", "Nina: I met Tom.", "Nina: I met Beth.", limit=3)
        assert names(tracker) == {"Nina", "Tom", "Beth"}

    @pytest.mark.parametrize("noun", ["a {} nurse", "my {} sister", "the {} car", "my sister {}"])
    def test_long_words_are_cut(self, noun):
        tracker = tracked(
            "user: I'm a teacher.",
            f"user: I'm {noun.format('x' * 500)}. I'm Anna.",
            "user: Beth is " + noun.format("y" * 500),
        )
        assert all(
            len(each.name) <= 60 and len(each.role) <= 60 and len(each.state) <= 80
            for each in tracker.entities
        )

    def test_ids_are_not_used_again(self):
        tracker = tracked("Nina: I met Anna.", "Nina: I met Tom.", limit=2)
        assert [each.id for each in tracker.entities] == [1, 3]

    def test_a_limit_below_one_is_refused(self):
        with pytest.raises(ValueError, match="limit"):
            Tracker(limit=0)

    @pytest.mark.parametrize(
        "text",
        [
            "a" * 200_000,
            "Anna " * 40_000,
            "my sister's " * 20_000,
            "my " + "sister's " * 20_000,
            " ".join(f"Zq{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}orbi, said" for i in range(20_000)),
            '"Aa ' * 50_000,
            "```" * 70_000,
            "**" * 100_000,
            "A. " * 70_000,
            "it is " * 40_000,
            "\n" * 200_000,
        ],
        ids=lambda text: text[:14],
    )
    def test_long_texts_take_bounded_time(self, text):
        tracker = tracked("Nina: I met Anna Novak.")
        began = process_time()
        tracker.observe(Turn(2, "user", "Nina", text, None))
        assert process_time() - began < 2
        assert len(tracker.entities) <= 64

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\x00\x07\u202e",
            "我的姐姐叫安娜",
            "أختي اسمها آنا",
            "😀😀",
            "'s",
            "I",
            "my",
            "Mr.",
            "'",
            '"A"',
        ],
    )
    def test_odd_texts(self, text):
        tracker = tracked("Nina: I met Anna.")
        tracker.observe(Turn(2, "user", "Nina", text, None))
        assert named(tracker, "Anna").mentions == 1


WORDS = st.sampled_from(
    [
        "Anna",
        "Ann",
        "Novak",
        "Petrov",
        "Elizabeth",
        "Liz",
        "Smith",
        "Ms.",
        "E.",
        "Dr",
        "Tom",
        "I'm",
        "I",
        "you",
        "she",
        "he",
        "they",
        "it",
        "my",
        "your",
        "her",
        "the",
        "a",
        "sister",
        "manager",
        "dog",
        "car",
        "service",
        "is",
        "was",
        "moved",
        "called",
        "named",
        "'s",
        "said",
        ",",
        ".",
        "!",
        "?",
        "\n",
        "and",
        "of",
        "Lisbon",
        "Acme",
        "Corp",
        "broken",
        "It's",
        '"Up"',
        "```",
    ]
)
TEXTS = st.lists(WORDS, max_size=25).map(" ".join) | st.text(max_size=60)
TURNS = st.lists(
    st.builds(
        Turn,
        number=st.integers(0, 12),
        role=st.sampled_from([*sorted(ROLES), ""]),
        speaker=st.sampled_from(["", "user", "Nina", "Anna", "Anna Novak", "assistant", "\x00"])
        | st.text(max_size=5),
        text=TEXTS,
        occurred_at=st.none() | st.datetimes(),
    ),
    max_size=8,
)


class TestProperties:
    @settings(max_examples=60, deadline=None)
    @given(TURNS)
    def test_one_by_one_is_at_once_and_dumping_changes_nothing(self, observed):
        at_once, one_by_one, stored = Tracker(limit=6), Tracker(limit=6), Tracker(limit=6)
        at_once.observe(*observed)
        for turn in observed:
            one_by_one.observe(turn)
            stored = Tracker.load(json.loads(json.dumps(stored.dump())))
            stored.observe(turn)
        assert at_once.dump() == one_by_one.dump() == stored.dump()
        assert at_once.entities == stored.entities

    @settings(max_examples=60, deadline=None)
    @given(TURNS, st.integers(1, 5), st.integers(-5, 300))
    def test_bounds_hold(self, observed, limit, budget):
        tracker = Tracker(limit=limit)
        tracker.observe(*observed)
        account = render(tracker, budget_characters=budget)
        assert len(tracker.entities) <= limit
        assert len(account) <= max(0, budget)
        assert all(
            len(each.name) <= 60 and len(each.state) <= 80 and len(each.guesses) <= 8
            for each in tracker.entities
        )
        assert all(
            each.name and each.first_turn is not None and "\n" not in each.name for each in tracker.entities
        )
        json.dumps(tracker.dump()).encode()
