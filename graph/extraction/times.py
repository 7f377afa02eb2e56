"""What a date in words means: the moment its period begins and the moment it is over, in UTC."""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Literal

from graph.extraction.base import in_range
from graph.extraction.patterns import MONTHS, NUMBER_WORDS, WEEKDAYS

Towards = Literal["past", "future", "nearest"]
Period = tuple[datetime, datetime]

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)[.\d]*(Z|[+-]\d\d:?\d\d)?)?$")
_NUMERIC = re.compile(r"(\d{1,2})([/.])(\d{1,2})[/.](\d{4})$")
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)s?\b")
_DAY = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\b")
_WORD = re.compile(r"[a-z]+")
_AGO = re.compile(
    r"(\w+|a few|a couple of) (second|minute|hour|day|night|week|month|year|decade)s? (ago|from now)$"
)
_NEAR = {"today": 0, "tonight": 0, "yesterday": -1, "tomorrow": 1, "this": 0, "last": -1, "past": -1, "previous": -1,
         "next": 1, "coming": 1}  # fmt: skip
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_DAYS = {"second": 0.0, "minute": 0.0, "hour": 0.0, "day": 1.0, "night": 1.0, "week": 7.0}
_MONTHS_LONG = {"month": 1, "quarter": 3, "semester": 6, "year": 12, "decade": 120, "century": 1200}


def period(words: str, occurred_at: datetime | None, *, towards: Towards = "nearest") -> Period | None:
    """The period that a date names; None where it cannot be told, as for "May 3" when nobody knows the year.

    A month or a day that names no year is the latest one before, the first one after or the nearest to `occurred_at`.
    """
    text = " ".join(words.lower().split())
    try:
        found = _absolute(text) or (_relative(text, _day_of(occurred_at), towards) if occurred_at else None)
        return found if found and all(map(in_range, found)) else None
    except (ValueError, OverflowError):  # no such day, or no such year
        return None


def _day_of(moment: datetime) -> datetime:
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return known.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _absolute(text: str) -> Period | None:
    if found := _ISO.match(text.upper()):
        return _moment(found)
    if found := _NUMERIC.match(text):
        first, second = int(found[1]), int(found[3])
        # With dots the day is first everywhere; with slashes wherever it can only be the day.
        day, month = (
            (first, second) if found[2] == "." or first > 12 or second <= 12 < first else (second, first)
        )
        return _days(datetime(int(found[4]), month, day, tzinfo=UTC))
    year = _YEAR.search(text)
    if not year:
        return None
    month_named = _month(text)
    if text.endswith("0s"):
        return _months(datetime(int(year[1]), 1, 1, tzinfo=UTC), 120)
    if not month_named:
        return _months(datetime(int(year[1]), 1, 1, tzinfo=UTC), 12)
    return _in_month(text.replace(year[1], " "), int(year[1]), month_named)


def _moment(found: re.Match[str]) -> Period:
    day = datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
    if not found[4]:
        return _days(day)
    at = datetime.fromisoformat(
        f"{found[1]}-{found[2]}-{found[3]}T{found[4]}{found[5] or '+00:00'}"
    ).astimezone(UTC)
    return at, at


def _relative(text: str, today: datetime, towards: Towards) -> Period | None:
    if found := _AGO.match(text):
        return _counted(found, today)
    words = _WORD.findall(text)
    step = next((_NEAR[word] for word in words if word in _NEAR), None)
    last = words[-1] if words else ""
    if step is not None:
        if unit := next((word for word in words if word in _MONTHS_LONG), ""):
            return _calendar(unit, step, today)
        if "week" in words or "weekend" in words:
            return _days(today - timedelta(days=today.weekday()) + timedelta(weeks=step), 7)
        if last in _SEASONS:
            return _season(_SEASONS[last], step, today)
        towards = "past" if step < 0 else "future" if step > 0 else towards
    if month := _month(text):
        return _chosen([p for year in _years(today) if (p := _in_month(text, year, month))], today, towards)
    if weekday := next((word.rstrip("s") for word in words if word.rstrip("s") in WEEKDAYS), ""):
        days = (WEEKDAYS.index(weekday) - today.weekday()) % 7
        start = today + timedelta(days=days - 7 if towards == "past" else days or 7 * (towards == "future"))
        return _days(start)
    return _days(today + timedelta(days=step)) if step is not None else None


def _counted(found: re.Match[str], today: datetime) -> Period | None:
    count = 1 if found[1] in {"a", "an", "one"} else NUMBER_WORDS.get(found[1])
    if count is None:
        if not found[1].isascii() or not found[1].isdigit():
            return None  # "a few"
        count = int(found[1])
    sign = -1 if found[3] == "ago" else 1
    if found[2] in _MONTHS_LONG:
        return _days(_moved(today, sign * count * _MONTHS_LONG[found[2]]))
    return _days(today + timedelta(days=sign * count * _DAYS[found[2]]))


def _calendar(unit: str, step: int, today: datetime) -> Period:
    months = _MONTHS_LONG[unit]
    first = today.replace(day=1)
    if months >= 12:
        first = first.replace(month=1, year=today.year - today.year % (months // 12))
    elif months > 1:
        first = first.replace(month=1 + (today.month - 1) // months * months)
    return _months(_moved(first, step * months), months)


def _season(month: int, step: int, today: datetime) -> Period:
    start = today.replace(month=month, day=1)
    if step < 0 and _moved(start, 3) > today:
        start = _moved(start, -12)
    if step > 0 and start < today:
        start = _moved(start, 12)
    return _months(start, 3)


def _month(text: str) -> int:
    for word in _WORD.findall(text):
        for number, name in enumerate(MONTHS, 1):
            if word == name or (len(word) in {3, 4} and name.startswith(word)):
                return number
    return 0


def _in_month(text: str, year: int, month: int) -> Period | None:
    day = _DAY.search(text)
    if not day:
        return _months(datetime(year, month, 1, tzinfo=UTC), 1)
    try:
        return _days(datetime(year, month, int(day[1]), tzinfo=UTC))
    except ValueError:  # 29 February of another year
        return None


def _years(today: datetime) -> range:
    return range(max(1, today.year - 1), min(9998, today.year + 1) + 1)


def _chosen(periods: list[Period], today: datetime, towards: Towards) -> Period | None:
    if towards == "past":
        periods = [each for each in periods if each[0] <= today]
    elif towards == "future":
        periods = [each for each in periods if each[0] >= today]
    return min(periods, key=lambda each: abs(each[0] - today), default=None)


def _days(start: datetime, count: int = 1) -> Period:
    return start, start + timedelta(days=count)


def _months(start: datetime, count: int) -> Period:
    return start, _moved(start, count)


def _moved(start: datetime, months: int) -> datetime:
    """The same day so many months later, or the last of a month that is too short."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))
