import itertools

import pytest

from graph.extraction.patterns import spans


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("mail ada@example.org.", "email", "ada@example.org"),
        ("see https://example.org/a?b=1, please", "url", "https://example.org/a?b=1"),
        ("see github.com/ada/tool.", "url", "github.com/ada/tool"),
        ("in /etc/nginx/nginx.conf now", "path", "/etc/nginx/nginx.conf"),
        ("in src/app/main.py:42", "path", "src/app/main.py"),
        (r"in C:\Users\ada\notes.txt now", "path", r"C:\Users\ada\notes.txt"),
        ("open settings.py", "path", "settings.py"),
        ("since v2.3.1-rc.1 only", "version", "v2.3.1-rc.1"),
        ("upgrade to 5.2.1.", "version", "5.2.1"),
        ("version 7 is out", "version", "7"),
        ("call get_user_by_id()", "identifier", "get_user_by_id"),
        ("set MAX_RETRIES", "identifier", "MAX_RETRIES"),
        ("call getUserName here", "identifier", "getUserName"),
        ("an ImportError again", "identifier", "ImportError"),
        ("fixed in PROJ-123", "identifier", "PROJ-123"),
        ("fixed in #4512.", "identifier", "#4512"),
        ("it cost $1,450.50.", "amount", "$1,450.50"),
        ("pay 20 EUR", "amount", "20 EUR"),
        ("a 5% discount", "amount", "5%"),
        ("for three weeks", "amount", "three weeks"),
        ("took 120 ms", "amount", "120 ms"),
        ("on May 3, 2024", "date", "May 3, 2024"),
        ("on 3rd of May", "date", "3rd of May"),
        ("in May", "date", "May"),
        ("since 2019", "date", "2019"),
        ("two weeks ago", "date", "two weeks ago"),
        ("last Tuesday", "date", "last Tuesday"),
        ("at 3:30 pm", "date", "3:30 pm"),
        ("2026-05-16T22:10:00Z it failed", "date", "2026-05-16T22:10:00Z"),
    ],
)
def test_finds_what_has_a_form(text, kind, found):
    assert [(each.kind, text[each.start : each.end]) for each in spans(text)] == [(kind, found)]


@pytest.mark.parametrize(
    "text",
    ["it may rain and/or snow", "we march on", "an iPhone on macOS", "10 or 12 of them", "COVID-19, UTF-8", "e.g. this", "and so on..."],
)  # fmt: skip
def test_leaves_prose_alone(text):
    assert spans(text) == []


def test_spans_do_not_overlap_and_are_in_order():
    text = "On 2026-05-01 at 10:00 see https://a.example/x_y/v1.2.3/f.py, costs $5 (a_b@c.example)."
    found = spans(text)
    assert [each.kind for each in found] == ["date", "date", "url", "amount", "email"]
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
