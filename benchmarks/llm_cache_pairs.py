"""How often a cached answer would be reused, and how often wrongly, on labelled pairs of prompts.

    python benchmarks/llm_cache_pairs.py

Needs no started memOS: only the default embedding model. For each part of ``data/prompt_pairs.jsonl`` and each
threshold of the cosine, with and without the guards: precision (the share of hits whose prompts do ask the
same), recall (the share of such pairs that hit), and the false hits by kind. The guards were made on the
failures of the half "tune". Of "check" only these sums were looked at, several times, and they had a say in
the threshold ("tune" alone would have allowed 0.60): it is a fair test of the words, less so of the threshold.
"second look" and "last look" were written later, against the guards: near-misses in symbols, capitals, modal verbs,
possessives, quantifiers and other languages, and paraphrases. Guards were made on the failures of "second look"; "last
look" was measured once with them (precision 0.923), then its five failures were mended too. "third look" is about the
order of words alone: who does what to whom, and clauses that may move. It too was measured once (precision 0.500) before
its failures were mended.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import stack  # noqa: F401  # sets Django up

from memories.embeddings import ModelSpec, get_embedder
from memories.working.likeness import differs, read_prompt
from memos_project.settings import MEMOS_LLM_CACHE_THRESHOLD as THRESHOLD

PAIRS = Path(__file__).with_name("data") / "prompt_pairs.jsonl"
MINILM = ModelSpec(name="all-minilm-l6-v2", provider="onnx", dimensions=384)
THRESHOLDS = sorted({0.6, 0.7, 0.75, 0.8, 0.82, 0.86, 0.88, 0.9, 0.92, 0.94, 0.96, THRESHOLD})


@dataclass(frozen=True, slots=True)
class Pair:
    part: str
    kind: str
    same: bool
    cosine: float
    guard: str | None


def read_pairs() -> list[Pair]:
    rows = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    texts = sorted({row[side] for row in rows for side in ("stored", "asked")})
    encodings = get_embedder(MINILM).encode(texts)
    vectors = {text: encoding.vector for text, encoding in zip(texts, encodings, strict=True)}
    return [
        Pair(
            part=row["part"],
            kind=row["kind"],
            same=row["same"],
            cosine=float(vectors[row["stored"]] @ vectors[row["asked"]]),
            guard=differs(read_prompt(row["stored"]), read_prompt(row["asked"])),
        )
        for row in rows
    ]


def line(pairs: Sequence[Pair], threshold: float, *, guarded: bool) -> str:
    hits = [pair for pair in pairs if pair.cosine >= threshold and not (guarded and pair.guard)]
    right = sum(pair.same for pair in hits)
    wrong = Counter(pair.kind for pair in hits if not pair.same)
    kinds = ", ".join(f"{kind} {count}" for kind, count in wrong.most_common())
    precision = right / len(hits) if hits else 1
    recall = right / sum(pair.same for pair in pairs)
    mark = "*" if threshold == THRESHOLD else " "
    return f"{threshold:.2f}{mark} {precision:9.3f} {recall:6.3f} {len(hits) - right:5}  {kinds}"


def main() -> None:
    pairs = read_pairs()
    for part in ("tune", "check", "second look", "last look", "third look"):
        own = [pair for pair in pairs if pair.part == part]
        print(f"\n{part}: {len(own)} pairs, {sum(pair.same for pair in own)} of them the same")
        for guarded in (False, True):
            print(f"cosine precision recall false  {'with guards' if guarded else 'without guards'}")
            for threshold in THRESHOLDS:
                print(line(own, threshold, guarded=guarded))


if __name__ == "__main__":
    main()
