"""How important a memory is taken to be when its writer does not say.

The score is a base by role plus what signals in the content add, clipped to 0..1. It is meant to be read
and argued with: docs/explanation/importance.md lists the same table.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

BASE_BY_ROLE: Mapping[str, float] = MappingProxyType(
    {"user": 0.5, "assistant": 0.4, "system": 0.4, "tool": 0.3}
)

SIGNALS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("asked to remember", 0.25, re.compile(r"\b(remember|don't forget|do not forget|note that|keep in mind|important)\b", re.I)),
    ("about oneself", 0.15, re.compile(r"\b(my name is|i am|i'm|i live|i work|i was born|my (wife|husband|partner|son|daughter|"
                                       r"mother|father|boss|birthday|address|phone|email|e-mail))\b", re.I)),
    ("preference", 0.15, re.compile(r"\b(i|we) (really )?(prefer|like|love|hate|dislike|want|need|always|never|can't stand)\b"
                                    r"|\b(favou?rite|allergic)\b", re.I)),
    ("decision or plan", 0.10, re.compile(r"\b(decided|agreed|deadline|due|promised?|will|going to|plan(ned|ning)? to|must)\b", re.I)),
    ("correction", 0.10, re.compile(r"\b(actually|correction|instead|no longer|changed|wrong|not anymore)\b", re.I)),
    ("number or date", 0.05, re.compile(r"\d")),
    ("greeting or thanks only", -0.30, re.compile(
        r"^\W*((hi|hey|hello|thanks|thank you|ok|okay|yes|no|yeah|sure|great|cool|bye|goodbye|see you|wow|good (morning|night))\W*){1,4}"
        r"(\w+\W*)?$", re.I)),
    ("short question", -0.10, re.compile(r"^.{0,89}\?\s*$", re.S)),
)  # fmt: skip

# What decides how important a text is stands near its start; a document is not read to its end for it.
READ_CHARACTERS = 2000


def signals_in(content: str) -> dict[str, float]:
    """The signals that a content shows, each with what it adds."""
    start = content[:READ_CHARACTERS]
    return {name: weight for name, weight, pattern in SIGNALS if pattern.search(start)}


def computed_importance(*, role: str, content: str) -> float:
    """The importance, 0..1, of a memory whose writer gave none."""
    score = BASE_BY_ROLE.get(role, 0.4) + sum(signals_in(content).values())
    return round(min(1.0, max(0.0, score)), 3)
