"""The labelled sample of the benchmark is what it says it is, and the rules have not got worse on it."""

import json
from collections import Counter

import pytest

from benchmarks import extraction as benchmark
from graph.extraction import KINDS, PREDICATES, RulesExtractor

ROWS = [json.loads(line) for line in benchmark.SAMPLE.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["text"][:30])
def test_labels_hold(row):
    names = {row["text"][start:end] for start, end, _ in row["mentions"]} | {row["speaker"]}
    assert all(0 <= start < end <= len(row["text"]) and kind in KINDS for start, end, kind in row["mentions"])
    assert all(a[1] <= b[0] for a, b in zip(row["mentions"], row["mentions"][1:], strict=False))
    for each in row["statements"]:
        assert each["predicate"] in PREDICATES
        assert {each["subject"], each["object"]} <= names


def test_there_are_enough():
    mentions = Counter(row["split"] for row in ROWS for _ in row["mentions"])
    assert min(mentions["tune"], mentions["check"]) >= 200
    assert sum(len(row["statements"]) for row in ROWS) >= 100


def test_the_rules_find_most_of_what_they_were_made_with():
    right = found = labelled = 0
    for row in (row for row in ROWS if row["split"] == "tune"):
        mine = benchmark.entities(RulesExtractor().extract([benchmark.passage(row)])[0])
        labels = {tuple(each) for each in row["mentions"]}
        right, found, labelled = right + len(mine & labels), found + len(mine), labelled + len(labels)
    assert right / found > 0.9
    assert right / labelled > 0.9
