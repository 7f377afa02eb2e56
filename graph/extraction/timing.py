"""From when until when a statement holds, by its verb and the dates around it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.extraction.clauses import DATE, Clause
from graph.extraction.times import Period, Towards, period

_TIME = re.compile(
    rf"(?:\b(since|from|starting|beginning|as of|effective|until|till|to|through)\b)?(?: on| in| early| late| the| about| around| at least)* ?({DATE})",
    re.IGNORECASE,
)
_FROM = {"since", "from", "starting", "beginning", "as of", "effective"}
_UNTIL = {"until", "till", "to", "through"}
_PAST = re.compile(
    r"(?:worked|lived|taught|studied|grew|interned|resided|owned|employed|moved|joined|left|quit|bought|started|began|relocated|married|"
    r"switched|replaced|settled|had|got|graduated|retired|purchased|born)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Manner:
    """How the verb is said."""

    past: bool = False
    perfect: bool = False
    future: bool = False
    used_to: bool = False
    negated: bool = False
    stopped: bool = False
    """It is so no longer."""
    begins: bool = False
    ends: bool = False
    past_ends: bool = False
    is_role: bool = False
    """Then "from" tells a place or a company: "a nurse from 1945"."""


@dataclass(frozen=True, slots=True)
class Validity:
    start: datetime | None = None
    end: datetime | None = None
    negated: bool = False
    over_by: datetime | None = None


def manner_of(verb: str, light: Sequence[str], *, begins: bool, ends: bool, past_ends: bool) -> Manner:
    """`light` are the auxiliaries and adverbs before the verb, the nearest first."""
    return Manner(
        past=bool(_PAST.match(verb)) or "was" in light or "were" in light,
        perfect=not {"have", "has", "'ve"}.isdisjoint(light),
        future=not {"will", "'ll", "going"}.isdisjoint(light)
        or verb.lower().startswith(("moving", "joining", "leaving", "quitting", "starting")),
        used_to="used" in light,
        stopped="longer" in light,
        begins=begins,
        ends=ends,
        past_ends=past_ends,
    )


def validity(
    clause: Clause, at: int, until: int, manner: Manner, occurred_at: datetime | None, *, lead: int = 0
) -> Validity | None:
    """Of a statement whose verb ends at `at` and whose reach ends at `until`; None if it is a plan without a date.

    Before `lead`, where the subject stands, a date may open the sentence: "since 2020 I work for".
    """
    start, end, when = _told(clause, at, until, lead, manner, occurred_at)
    now = occurred_at
    if manner.negated and manner.ends:
        return None  # who did not leave may have been there or not
    if manner.negated or manner.stopped:
        return (
            Validity(start or (when and when[0]) or now, end, True)
            if manner.stopped
            else Validity(start, end, True)
        )
    if manner.used_to:
        return Validity(start, end or now)
    if manner.ends:
        return Validity(start, end) if end else _ending(start, when, now, manner)
    if manner.future:
        begins = start or (when[0] if when else None)
        return Validity(begins, end) if begins else None
    if manner.begins:
        return Validity(start or (when[0] if when else None), end)
    if manner.past_ends and manner.past and not manner.perfect:
        if start or end:
            return Validity(start, end)
        return Validity(when[0], _over(when, now)) if when else Validity(None, now)
    return Validity(start, end)


def _ending(start: datetime | None, when: Period | None, now: datetime | None, manner: Manner) -> Validity:
    """Of what ends within a told period, or now: over at its beginning at the earliest, surely at its end."""
    if not when:
        return Validity(start, now)
    if manner.future:
        return Validity(start, when[0] if not now or now < when[0] else when[1])
    return Validity(start, when[0], over_by=_over(when, now))


def _over(when: Period, now: datetime | None) -> datetime:
    """When a period was over, or that was told of it if it was not over yet."""
    return min(when[1], now) if now and now > when[0] else when[1]


def _told(
    clause: Clause, at: int, until: int, lead: int, manner: Manner, occurred_at: datetime | None
) -> tuple[datetime | None, datetime | None, Period | None]:
    """What is told with "since", with "until", and with neither."""
    start = end = None
    when = None
    found = [*_TIME.finditer(clause.text, at, until), *_TIME.finditer(clause.text, 0, lead)]
    for each in found:
        word = (each[1] or "").lower()
        towards = _towards(word, manner)
        meant = period(clause.mention(each[2]).text, occurred_at, towards=towards)
        if not meant:
            continue
        if word == "from" and manner.is_role:
            continue
        if word in _FROM:
            start = start or meant[0]
        elif word in _UNTIL:
            end = end or meant[0]
        else:
            when = when or meant
    return start, end, when


def _towards(word: str, manner: Manner) -> Towards:
    if word in {"since", "from"} or manner.past or (manner.ends and not manner.future):
        return "past"
    if word in _UNTIL or manner.future:
        return "future"
    return "nearest"
