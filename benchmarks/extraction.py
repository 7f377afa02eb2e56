"""What the extractors find in a sample labelled by hand (data/extraction_sample.jsonl), and the time they take.

An entity counts as found where span and kind are those of the label, or where the spans overlap and the kind is the
same. First-person pronouns are not labelled and not counted. A statement counts where subject, predicate, object and
negation are the label's; its times are counted apart. The rules were made with the part "tune" alone at hand.

    python -m benchmarks.extraction
    python -m benchmarks.extraction --part check --errors
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memos_project.settings")
django.setup()

from graph.english.function_words import STOP_WORDS
from graph.english.words import word_set
from graph.extraction import KINDS, Extraction, Passage, get_extractor

SAMPLE = Path(__file__).parent / "data" / "extraction_sample.jsonl"
FIRST_PERSON = {"i", "me", "my", "mine", "myself"}
# Words that tell nothing by themselves; a list of its own, so that the extractor's is not its own judge.
STOP_LIKE = STOP_WORDS | word_set(
    "thing things something anything nothing everything someone anyone everyone stuff lot lots way ways kind sort bit "
    "today yesterday tomorrow now then also really very just maybe okay thanks please yes hello hi good great nice bad "
    "go goes going went get gets got make makes made take takes took say says said see saw know knew think thought "
    "want wants need needs use used work works worked live lives lived like likes love loves new old much many more "
    "most other another same different first last next back still even well right here there time day year week"
)


@dataclass
class Score:
    found: int = 0
    right: int = 0
    labelled: int = 0

    def __str__(self) -> str:
        precision = self.right / self.found if self.found else 0.0
        recall = self.right / self.labelled if self.labelled else 0.0
        both = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        return f"{precision:6.3f} {recall:6.3f} {both:6.3f}   {self.right:4d} of {self.found:4d} found, {self.labelled:4d} labelled"


def passage(row: dict[str, Any]) -> Passage:
    return Passage(row["text"], row["speaker"], datetime.fromisoformat(row["occurred_at"]))


def entities(extraction: Extraction) -> set[tuple[int, int, str]]:
    return {
        (each.start, each.end, each.kind)
        for each in extraction.mentions
        if each.text.lower() not in FIRST_PERSON
    }


def overlapping(found: set[tuple[int, int, str]], labels: set[tuple[int, int, str]]) -> Counter[str]:
    """How many labels of each kind have a mention of their kind that overlaps; each mention serves once."""
    left, right = set(found), Counter[str]()
    for start, end, kind in sorted(labels):
        match = next((e for e in sorted(left) if e[2] == kind and e[0] < end and start < e[1]), None)
        if match:
            left.remove(match)
            right[kind] += 1
    return right


def statement_key(each: Any) -> tuple[str, str, str, bool]:
    if isinstance(each, dict):
        return each["subject"].lower(), each["predicate"], each["object"].lower(), each.get("negated", False)
    return each.subject.lower(), each.predicate, each.object.lower(), each.negated


def times_agree(label: dict[str, Any], moments: dict[str, datetime | None]) -> bool:
    """Whether each time the label tells is that of the statement; "?" leaves it open."""
    for name, found in moments.items():
        told = label.get(name)
        if told == "?":
            continue
        if (found.date().isoformat() if found else None) != (told or None):
            return False
    return True


def measure(rows: list[dict[str, Any]], *, errors: bool) -> None:
    exact = {kind: Score() for kind in (*KINDS, "all")}
    overlap = {kind: Score() for kind in (*KINDS, "all")}
    said, timed, stop_like, concepts = Score(), Score(), 0, 0
    extractor = get_extractor()
    used: Counter[str] = Counter()
    for row in rows:
        [extraction] = extractor.extract([passage(row)])
        used[extraction.extractor] += 1
        found = entities(extraction)
        labels = {(start, end, kind) for start, end, kind in row["mentions"]}
        loose = overlapping(found, labels)
        for kind in KINDS:
            mine, theirs = {e for e in found if e[2] == kind}, {e for e in labels if e[2] == kind}
            for name in (kind, "all"):
                add(exact[name], len(mine), len(mine & theirs), len(theirs))
                add(overlap[name], len(mine), loose[kind], len(theirs))
        keys = {statement_key(each): each for each in extraction.statements}
        wanted = {statement_key(each): each for each in row["statements"]}
        add(said, len(keys), len(keys.keys() & wanted.keys()), len(wanted))
        for key in keys.keys() & wanted.keys():
            moments = {"valid_from": keys[key].valid_from, "valid_to": keys[key].valid_to}
            agree = times_agree(wanted[key], moments)
            add(timed, 1, agree, 1)
            if errors and not agree:
                print(f"   times {key}: {moments}")
        concepts += len(extraction.concepts)
        stop_like += sum(
            all(word in STOP_LIKE for word in each.lower().split()) for each in extraction.concepts
        )
        if errors:
            tell(row, found ^ labels, found, keys.keys() ^ wanted.keys(), set(keys), extraction)
    print(f"extractors: {dict(used)}\n\nentities, exact span     precision recall     F1")
    print_scores(exact)
    print("\nentities, spans overlap")
    print_scores(overlap)
    print(f"\nstatements   {said}\ntheir times  {timed.right} of {timed.found} right")
    print(f"concepts     {concepts}, {stop_like} of them stop-like ({stop_like / max(1, concepts):.1%})")


def add(score: Score, found: int, right: int, labelled: int) -> None:
    score.found += found
    score.right += right
    score.labelled += labelled


def print_scores(scores: dict[str, Score]) -> None:
    for kind, score in scores.items():
        print(f"  {kind:14s}       {score}")


def tell(
    row: dict[str, Any],
    wrong: set[tuple[int, int, str]],
    found: set[tuple[int, int, str]],
    wrong_said: Iterable[Any],
    said: set[Any],
    extraction: Extraction,
) -> None:
    print(f"-- {row['text']!r}\n   {extraction.concepts}")
    for each in sorted(wrong):
        print(
            f"   {'extra ' if each in found else 'missed'} {each[2]:12s} {row['text'][each[0] : each[1]]!r}"
        )
    for said_key in sorted(wrong_said):
        print(f"   {'extra ' if said_key in said else 'missed'} {said_key}")


def speed(rows: list[dict[str, Any]], rounds: int = 20) -> None:
    extractor, passages = get_extractor(), [passage(row) for row in rows]
    took = []
    for _ in range(rounds):
        for each in passages:
            start = time.perf_counter()
            extractor.extract([each])
            took.append((time.perf_counter() - start) * 1000)
    took.sort()
    words = sum(len(row["text"].split()) for row in rows) / len(rows)
    print(
        f"time         {took[len(took) // 2]:.2f} ms a message in the middle, {took[len(took) * 95 // 100]:.2f} at 95 %, of {words:.0f} words on average"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--part", choices=["tune", "check"], action="append")
    arguments.add_argument("--errors", action="store_true", help="each difference; for the part tune only")
    given = arguments.parse_args()
    rows = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    for part in given.part or ["tune", "check"]:
        some = [row for row in rows if row["split"] == part]
        print(f"== {part}: {len(some)} texts")
        measure(some, errors=given.errors)
        if get_extractor().name == "rules":
            speed(some)
        print()


if __name__ == "__main__":
    main()
