from graph.extraction import PREDICATES
from graph.extraction.grammar import RULES


def test_every_rule_says_a_known_predicate():
    assert {rule.predicate for rule in RULES} <= set(PREDICATES)


def test_names_are_snake_case_and_described():
    for name, predicate in PREDICATES.items():
        assert name == predicate.name == name.lower()
        assert predicate.description
