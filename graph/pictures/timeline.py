"""The timeline of an entity: a bar for each fact, from when it holds until it ends, in a lane for each other end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from uuid import UUID
from xml.etree.ElementTree import Element

from graph.pictures.svg import add, drawing, short, spoken, written
from graph.queries import Denial, Fact

WIDTH, LABELS, LANE, HEAD, AXIS = 960.0, 250.0, 24.0, 26.0, 30.0
MAX_LANES, MAX_TICKS = 60, 7
# A bar is never narrower: what lasted a day can still be pointed at among years.
NARROWEST = 5.0


type Lane = tuple[str, bool, UUID]
"""A predicate, whether it is said of the entity or by others of it, and the other one."""


def draw_timeline(
    entity_id: UUID,
    facts: Sequence[Fact],
    denials: Iterable[Denial],
    *,
    now: datetime,
    at: datetime | None = None,
    link: Callable[[UUID], str],
) -> tuple[str, int]:
    """The picture, for a page that has its styles, and how many lanes were left out; ``link`` leads to a memory.

    What does not hold ``at`` a moment is drawn paler.
    """
    lanes: dict[Lane, list[Fact]] = {}
    for fact in facts:
        lanes.setdefault(_lane(entity_id, fact), []).append(fact)
    shown = sorted(lanes, key=lambda lane: max(each.valid_from for each in lanes[lane]))[-MAX_LANES:]
    shown.sort(key=lambda lane: (not lane[1], lane[0]))
    said_no: dict[Lane, list[Denial]] = {}
    for denial in denials:
        said_no.setdefault(_lane(entity_id, denial), []).append(denial)
    moments = [each.valid_from for each in facts] + [each.valid_to for each in facts if each.valid_to]
    scale = _Scale([*moments, now, *([at] if at else [])])
    heads = len({lane[:2] for lane in shown})
    height = LANE * len(shown) + HEAD * heads + AXIS
    svg = drawing(WIDTH, height, "Timeline: the table below says the same", class_="memos-timeline")
    _draw_ticks(svg, scale, height - AXIS)
    y, group = 0.0, None
    for lane in shown:
        if lane[:2] != group:
            group = lane[:2]
            add(svg, "text", _heading(*group), x=0, y=y + 18, class_="memos-lane-head")
            y += HEAD
        _draw_lane(
            svg, y, scale, lanes[lane], said_no.get(lane, ()), outwards=lane[1], now=now, at=at, link=link
        )
        y += LANE
    for moment, name in ((now, "memos-now"), (at, "memos-at")):
        if moment:
            add(svg, "line", x1=scale(moment), x2=scale(moment), y1=0, y2=height - AXIS, class_=name)
    return written(svg), len(lanes) - len(shown)


def _lane(entity_id: UUID, said: Fact | Denial) -> Lane:
    outwards = said.subject_id == entity_id
    return said.predicate, outwards, said.object_id if outwards else said.subject_id


def _heading(predicate: str, outwards: bool) -> str:
    return spoken(predicate) if outwards else f"… {spoken(predicate)} it"


class _Scale:
    """Moments to places: seconds are counted in numbers, since no datetime is before the year 1."""

    def __init__(self, moments: Sequence[datetime]) -> None:
        self.first, self.last = min(moments), max(moments)
        span = max((self.last - self.first).total_seconds(), 86400.0)
        self.begin = self.first.timestamp() - span * 0.02
        self.span = span * 1.04

    def __call__(self, moment: datetime) -> float:
        return LABELS + (WIDTH - LABELS) * (moment.timestamp() - self.begin) / self.span

    def ticks(self) -> Iterator[tuple[datetime, str]]:
        """Beginnings of years, months or days within, not too many."""
        first, last = self.first.astimezone(UTC), self.last.astimezone(UTC)
        months = 12 * (last.year - first.year) + last.month - first.month
        if months > 24:
            step = ceil((last.year - first.year) / MAX_TICKS)
            for year in range(first.year - first.year % step + step, last.year + 1, step):
                yield datetime(year, 1, 1, tzinfo=UTC), str(year)
        elif months > 2:
            for number in range(1, months + 1, ceil(months / MAX_TICKS)):
                year, month = divmod(12 * first.year + first.month - 1 + number, 12)
                moment = datetime(year, month + 1, 1, tzinfo=UTC)
                yield moment, f"{moment:%b %Y}"
        else:
            days = max((last - first).days, 1)
            midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
            for number in range(1, days + 1, ceil(days / MAX_TICKS)):
                moment = midnight + timedelta(days=number)
                if moment <= last:
                    yield moment, f"{moment:%-d %b %Y}"


def _draw_ticks(svg: Element, scale: _Scale, bottom: float) -> None:
    for moment, text in scale.ticks():
        x = scale(moment)
        add(svg, "line", x1=x, x2=x, y1=0, y2=bottom, class_="memos-axis")
        add(svg, "text", text, x=x, y=bottom + 18, class_="memos-tick")


def _draw_lane(
    svg: Element, y: float, scale: _Scale, facts: Sequence[Fact], denials: Iterable[Denial], *,
    outwards: bool, now: datetime, at: datetime | None, link: Callable[[UUID], str],
) -> None:  # fmt: skip
    name = facts[0].object if outwards else facts[0].subject
    label = add(svg, "text", short(name, 34), x=12, y=y + 16, class_="memos-lane")
    add(label, "title", name)
    for fact in facts:
        end = fact.valid_to or max(now, fact.valid_from)
        x = scale(fact.valid_from)
        held = at is None or (fact.valid_from <= at and (fact.valid_to is None or fact.valid_to > at))
        state = "ended" if fact.valid_to and fact.valid_to <= now else "holds"
        box = _linked(svg, fact.memory_id, link)
        add(box, "title", _told(fact))
        add(
            box, "rect", x=x, y=y + 5, width=max(scale(end) - x, NARROWEST), height=14, rx=3,
            class_=f"memos-fact memos-fact-{state}{'' if held else ' memos-pale'}",
        )  # fmt: skip
    for denial in denials:
        box = _linked(svg, denial.memory_id, link)
        add(box, "title", f"Denied from {denial.valid_from:%-d %b %Y} on, {_by(denial.memory_id)}")
        x = scale(denial.valid_from)
        add(box, "path", d=f"M{x - 5:.1f} {y + 7:.1f}l10 10m0 -10l-10 10", class_="memos-denied")


def _linked(svg: Element, memory_id: UUID | None, link: Callable[[UUID], str]) -> Element:
    return add(svg, "a", href=link(memory_id)) if memory_id else add(svg, "g")


def _told(fact: Fact) -> str:
    end = f"{fact.valid_to:%-d %b %Y}" if fact.valid_to else "now"
    return (
        f"{fact.subject} {spoken(fact.predicate)} {fact.object}: {fact.valid_from:%-d %b %Y} – {end}, "
        f"learned on {fact.learned_at:%-d %b %Y}, {_by(fact.memory_id)}"
    )


def _by(memory_id: UUID | None) -> str:
    return f"said by memory {memory_id}" if memory_id else "said by a curator"
