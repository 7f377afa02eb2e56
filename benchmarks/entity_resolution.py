"""What becomes of labelled pairs of names: one entity at once, a doubt for a curator, or two entities.

    python benchmarks/entity_resolution.py

Needs no started memOS: only the default embedding model. For each part of ``data/name_pairs.jsonl`` and each kind: how
many pairs that are the same, and that are not, are merged, doubted and left apart; then what the comparison of meanings
adds at each threshold of the cosine. Rules and thresholds were made on the failures of "tune"; of "check" only the sums
were looked at. Most pairs that are not the same were chosen because they nearly are: "strangers" are all pairs of
names from different lines, nearly none of which are the same.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import stack  # noqa: F401  # sets Django up

from graph.names import likeness, normal, sounds
from graph.resolution import DOUBTFUL, MEANS_THE_SAME, SAME, WRITTEN_ALIKE
from memories.embeddings import ModelSpec, get_embedder

PAIRS = Path(__file__).with_name("data") / "name_pairs.jsonl"
MINILM = ModelSpec(name="all-minilm-l6-v2", provider="onnx", dimensions=384)
THRESHOLDS = sorted({0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, MEANS_THE_SAME})
OUTCOMES = ("merged", "doubt", "apart")


@dataclass(frozen=True, slots=True)
class Pair:
    part: str
    kind: str
    same: bool
    likeness: float
    cosine: float

    def outcome(self, threshold: float) -> str:
        """What resolution does; with a threshold above 1 without looking at meanings."""
        if self.likeness >= SAME:
            return "merged"
        means_the_same = self.kind != "person" and self.likeness >= WRITTEN_ALIKE and self.cosine >= threshold
        return "doubt" if self.likeness >= DOUBTFUL or means_the_same else "apart"


def compared(one: str, other: str, kind: str) -> float:
    """The likeness of two names if resolution comes to compare them, else 0."""
    mine, its = normal(one), normal(other)
    return likeness(mine, its, person=kind == "person") if mine == its or sounds(mine) & sounds(its) else 0.0


def read_pairs() -> list[Pair]:
    rows = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    texts = sorted({row[side] for row in rows for side in ("one", "other")})
    encodings = get_embedder(MINILM).encode(texts)
    vectors = {text: encoding.vector for text, encoding in zip(texts, encodings, strict=True)}
    return [
        Pair(
            part=row["part"],
            kind=row["kind"],
            same=row["same"],
            likeness=compared(row["one"], row["other"], row["kind"]),
            cosine=float(vectors[row["one"]] @ vectors[row["other"]]),
        )
        for row in rows
    ]


def line(name: str, pairs: Iterable[Pair], threshold: float) -> str:
    counts = Counter((pair.same, pair.outcome(threshold)) for pair in pairs)
    cells = [f"{counts[same, outcome]:7}" for same in (True, False) for outcome in OUTCOMES]
    return f"{name:14}" + "".join(cells[:3]) + "  |" + "".join(cells[3:])


def strangers() -> str:
    """Merges and doubts by name alone among pairs of different lines, one name of each."""
    names: dict[str, set[str]] = {}
    for row in map(json.loads, PAIRS.read_text().splitlines()):
        names.setdefault(row["kind"], set()).add(row["one"])
    pairs = [(kind, pair) for kind, each in names.items() for pair in combinations(sorted(each), 2)]
    likenesses = [compared(*pair, kind) for kind, pair in pairs]
    merged = sum(each >= SAME for each in likenesses)
    doubts = sum(DOUBTFUL <= each < SAME for each in likenesses)
    return f"strangers: {len(pairs)} pairs, {merged} merged, {doubts} doubts"


def table(pairs: Sequence[Pair]) -> None:
    print(f"{'same:':>21}{'':14}  |{'different:':>11}")
    print(f"{'':14}" + "  |".join("".join(f"{outcome:>7}" for outcome in OUTCOMES) for _ in range(2)))
    for kind in sorted({pair.kind for pair in pairs}):
        print(line(kind, [pair for pair in pairs if pair.kind == kind], MEANS_THE_SAME))
    print(line("all", pairs, MEANS_THE_SAME))
    print(line("names alone", pairs, 2))
    for threshold in THRESHOLDS:
        mark = "*" if threshold == MEANS_THE_SAME else ""
        print(line(f"cosine {threshold:.2f}{mark}", pairs, threshold))


def main() -> None:
    pairs = read_pairs()
    for part in ("tune", "check"):
        own = [pair for pair in pairs if pair.part == part]
        print(f"\n{part}: {len(own)} pairs, {sum(pair.same for pair in own)} of them the same")
        table(own)
    print(f"\n{strangers()}")


if __name__ == "__main__":
    main()
