"""What the entities of a session cost in a prompt against its raw turns, and what of the names they keep.

    python benchmarks/session_entities.py locomo_public.json beam_public.json

Reads conversations as {"conversations": [{"id", "messages": [{"session", "speaker", "time", "text"}]}]}. Tokens are
those of the model that memOS ships. What of a session stands in the rendering: "speakers", its speakers who have a
name; "names", the other words that occur twice or more in its raw turns with a capital within a sentence and never
without; "by people", those of the names that not only an assistant used. Needs no started memOS.
"""

import argparse
import json
import os
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memos_project.settings")

from tokenizers import Tokenizer

from memories.embeddings.modelfiles import packaged
from memories.working.entities import Tracker, Turn, render

ROLES = {"user", "assistant", "system", "tool"}
LENGTHS = ((1, 10), (11, 20), (21, 40), (41, 10_000))
WITHIN_SENTENCE = re.compile(r"(?<=[a-z,;] )[A-Z][\w-]*[a-z]\w*")
LOWER_CASE = re.compile(r"\b[a-z][\w-]*")


@dataclass(frozen=True, slots=True)
class Session:
    """One measured session: counts, and what was found of what there is."""

    id: str
    turns: int
    raw: int
    rendered: int
    speakers: tuple[int, int]
    names: tuple[int, int]
    names_by_people: tuple[int, int]


def measure(id: str, messages: Sequence[dict[str, Any]], tokenizer: Tokenizer, budget: int) -> Session:
    tracker = Tracker()
    tracker.observe(*(_turn(number, each) for number, each in enumerate(messages, 1)))
    rendered = render(tracker, budget_characters=budget)
    speakers = {each["speaker"] for each in messages} - ROLES
    names = _names([each["text"] for each in messages]) - speakers
    said = " ".join(each["text"] for each in messages if each["speaker"] != "assistant")
    return Session(
        id,
        len(messages),
        sum(_tokens(tokenizer, f"{each['speaker']}: {each['text']}") for each in messages),
        _tokens(tokenizer, rendered),
        _present(speakers, rendered),
        _present(names, rendered),
        _present({name for name in names if name in said}, rendered),
    )


def _turn(number: int, message: dict[str, Any]) -> Turn:
    speaker = message["speaker"]
    role = speaker if speaker in ROLES else "user"
    return Turn(number, role, speaker, message["text"], datetime.fromisoformat(message["time"]))


def _tokens(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def _names(texts: Iterable[str]) -> set[str]:
    whole = "\n".join(texts)
    written_small = set(LOWER_CASE.findall(whole))
    counts = Counter(WITHIN_SENTENCE.findall(whole))
    return {name for name, count in counts.items() if count > 1 and name.lower() not in written_small}


def _present(names: set[str], rendered: str) -> tuple[int, int]:
    lowered = rendered.lower()
    return sum(bool(re.search(rf"\b{re.escape(name.lower())}", lowered)) for name in names), len(names)


def sessions(file: Path) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    for conversation in json.loads(file.read_text())["conversations"]:
        for session, messages in groupby(conversation["messages"], key=lambda each: each["session"]):
            yield f"{conversation['id']}/{session}", list(messages)


def table(title: str, measured: Sequence[Session]) -> None:
    print(
        f"\n{title:24s} {'sessions':>8s} {'raw tokens':>22s} {'rendered':>16s} {'share':>15s} {'speakers':>9s} {'names':>12s} {'by people':>12s}"
    )
    print(
        f"{'turns':24s} {'':8s} {'median':>11s}{'total':>11s} {'median':>8s}{'total':>8s} {'median':>8s}{'total':>7s}"
    )
    for low, high in (*LENGTHS, (1, 10_000)):
        if some := [each for each in measured if low <= each.turns <= high]:
            print(
                f"{'all' if (low, high) == (1, 10_000) else f'{low} to {max(each.turns for each in some)}':24s}",
                _row(some),
            )


def _row(some: Sequence[Session]) -> str:
    raw, rendered = sum(each.raw for each in some), sum(each.rendered for each in some)
    middle = [
        statistics.median(values)
        for values in zip(*((e.raw, e.rendered, e.rendered / e.raw) for e in some), strict=True)
    ]
    kept = [_sums(getattr(each, what) for each in some) for what in ("speakers", "names", "names_by_people")]
    return (
        f"{len(some):8d} {middle[0]:11.0f}{raw:11d} {middle[1]:8.0f}{rendered:8d} {middle[2]:8.3f}{rendered / raw:7.3f} "
        + " ".join(f"{found:5d}/{all:<5d}" for found, all in kept)
    )


def _sums(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    found, all = zip(*pairs, strict=True)
    return sum(found), sum(all)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("files", type=Path, nargs="+")
    arguments.add_argument("--budget", type=int, default=1500, help="characters of a rendering at most")
    arguments.add_argument("--each", action="store_true", help="a line for every session")
    given = arguments.parse_args()
    tokenizer = Tokenizer.from_file(str(packaged().tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for file in given.files:
        measured = [measure(id, messages, tokenizer, given.budget) for id, messages in sessions(file)]
        for each in measured if given.each else ():
            print(f"{each.id:24s}", _row([each]))
        table(f"{file.stem}, budget {given.budget}", measured)


if __name__ == "__main__":
    main()
