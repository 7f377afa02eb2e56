import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.importance import BASE_BY_ROLE, computed_importance, signals_in


@pytest.mark.parametrize(
    ("role", "expected"), [("user", 0.5), ("assistant", 0.4), ("system", 0.4), ("tool", 0.3), ("?", 0.4)]
)
def test_a_plain_text_has_the_base_of_its_role(role, expected):
    assert computed_importance(role=role, content="The lamp stands in the corner.") == expected


@pytest.mark.parametrize(
    ("content", "signals"),
    [
        ("Please remember the blue folder.", {"asked to remember"}),
        ("My name is Ann.", {"about oneself"}),
        ("I prefer tea.", {"preference"}),
        ("Peanuts? She is allergic.", {"preference"}),
        ("We agreed on the harbour.", {"decision or plan"}),
        ("Actually, make it the harbour.", {"correction"}),
        ("The code is 4711.", {"number or date"}),
        ("Thanks!", {"greeting or thanks only"}),
        ("Where does she live?", {"short question"}),
        ("My boss decided: the deadline is May 3.", {"about oneself", "decision or plan", "number or date"}),
        ("The lamp stands in the corner.", set()),
    ],
)
def test_each_signal_is_seen(content, signals):
    assert signals_in(content).keys() == signals


def test_what_matters_most_comes_first():
    ranked = [
        "Remember: my name is Ann and I am allergic to nuts.",
        "I prefer tea.",
        "The lamp is on.",
        "Is it on?",
        "ok",
    ]
    scores = [computed_importance(role="user", content=each) for each in ranked]
    assert scores == sorted(scores, reverse=True)
    assert len({*scores}) == len(scores)


def test_only_the_beginning_of_a_long_text_is_read():
    assert signals_in("x " * 1000 + "remember this") == {}


@given(st.text(max_size=300), st.sampled_from([*BASE_BY_ROLE, ""]))
def test_it_is_between_0_and_1_for_any_text(content, role):
    assert 0 <= computed_importance(role=role, content=content) <= 1
