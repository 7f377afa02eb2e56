from datetime import UTC, datetime, timedelta, timezone

import pytest

from graph.extraction.times import period

MONDAY = datetime(2026, 6, 15, 12, tzinfo=UTC)


def days(words, **about):
    found = period(words, MONDAY, **about)
    return found and tuple(each.date().isoformat() for each in found)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("2019", "2019-01-01", "2020-01-01"),
        ("the 1990s", "1990-01-01", "2000-01-01"),
        ("March 2015", "2015-03-01", "2015-04-01"),
        ("May 3, 2024", "2024-05-03", "2024-05-04"),
        ("3 May 2024", "2024-05-03", "2024-05-04"),
        ("31/12/2026", "2026-12-31", "2027-01-01"),
        ("12/31/2026", "2026-12-31", "2027-01-01"),
        ("31.12.2026", "2026-12-31", "2027-01-01"),
        ("2026-05-01", "2026-05-01", "2026-05-02"),
        ("yesterday", "2026-06-14", "2026-06-15"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("next month", "2026-07-01", "2026-08-01"),
        ("last week", "2026-06-08", "2026-06-15"),
        ("two weeks ago", "2026-06-01", "2026-06-02"),
        ("a year ago", "2025-06-15", "2025-06-16"),
        ("last Friday", "2026-06-12", "2026-06-13"),
        ("next Friday", "2026-06-19", "2026-06-20"),
        ("last summer", "2025-06-01", "2025-09-01"),
        ("June 3", "2026-06-03", "2026-06-04"),
    ],
)
def test_reads_dates(words, start, end):
    assert days(words) == (start, end)


def test_a_month_is_the_one_meant():
    assert days("May", towards="past")[0] == "2026-05-01"
    assert days("September", towards="past")[0] == "2025-09-01"
    assert days("May", towards="future")[0] == "2027-05-01"


def test_the_last_day_of_a_longer_month():
    assert period("a month ago", datetime(2026, 3, 31, tzinfo=UTC))[0].date().isoformat() == "2026-02-28"


def test_counts_from_the_day_in_utc():
    late = datetime(2026, 6, 15, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert period("today", late)[0] == datetime(2026, 6, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "words", ["31 February 2020", "99/99/2020", "a few years ago", "½ years ago", "", "3:30 pm"]
)
def test_what_cannot_be_told_is_none(words):
    assert period(words, MONDAY) is None


def test_without_a_day_to_count_from_only_full_dates_are_told():
    assert period("last year", None) is None
    assert period("2019", None)[0].year == 2019


def test_at_the_ends_of_the_calendar():
    assert period("next year", datetime(9999, 12, 31, tzinfo=UTC)) is None
    assert period("last year", datetime(1, 1, 1, tzinfo=UTC)) is None
