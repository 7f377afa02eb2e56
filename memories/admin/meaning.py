"""Search by meaning: what an agent would be given, with the drawn explanation of why."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from memories.answers import Explanation, Hit, Query, Recall
from memories.candidates import Filters
from memories.models import Memory
from memories.retrieval import recall
from memos_project.db import tenant_scope
from memos_project.errors import InvalidInput
from memos_project.tenancy.callers import TenantInfo

MOST_HITS = 50

# Signals by name: what they are called, in the order in which they are drawn. static/memories/admin.css colours them.
SIGNALS = {
    "late": "words matched by meaning",
    "late_window": "the same, in the next turn",
    "alike": "like the best of them",
    "dense": "meaning of the whole",
    "lexical": "words",
    "window": "words, with the turns around",
    "session": "its conversation matches",
    "neighbours": "the turns around match",
    "answers": "answers the turn before",
    "speaker": "said by the one named",
    "date": "at the time named",
    "names": "names somebody or something",
    "own_words": "the user's own words",
    "length": "length",
    "asks": "only asks",
}


class MeaningForm(forms.Form):
    """What to look for, and where."""

    q = forms.CharField(
        label="Question",
        max_length=4000,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "What does Ann prefer for breakfast?", "autofocus": True}
        ),
    )
    user = forms.CharField(label="User", required=False, max_length=200, widget=UnfoldAdminTextInputWidget)
    kind = forms.MultipleChoiceField(
        label="Kinds", required=False, choices=Memory.Kind.choices, widget=UnfoldAdminSelect2MultipleWidget
    )
    mode = forms.ChoiceField(
        label="By",
        choices=[("hybrid", "words and meaning"), ("vector", "meaning alone"), ("text", "words alone")],
        initial="hybrid",
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    k = forms.IntegerField(
        label="At most",
        min_value=1,
        max_value=MOST_HITS,
        initial=10,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Media:
        css: ClassVar = {"all": ("admin/css/vendor/select2/select2.css", "admin/css/autocomplete.css")}
        js = (
            "admin/js/vendor/jquery/jquery.js",
            "admin/js/vendor/select2/select2.full.js",
            "unfold/js/select2.init.js",
        )

    def query(self) -> Query:
        said = self.cleaned_data
        filters = Filters(user_id=said["user"] or None, kinds=said["kind"])
        return Query(
            text=said["q"],
            top_k=said["k"] or 10,
            filters=filters,
            mode=said["mode"] or "hybrid",
            explain=True,
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: ``start`` and ``width`` are per cent of the whole drawing."""

    name: str
    label: str
    value: float
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class DrawnHit:
    """A hit with its two bars: what makes up the score, and the signals that make up the similarity."""

    hit: Hit
    score: list[Segment]
    signals: list[Segment]
    zero: float
    """Where the bar of the signals begins, in per cent: what speaks against the hit is drawn to the left."""


def search_by_meaning(
    request: HttpRequest, tenant: TenantInfo, site_context: Callable[[HttpRequest], dict[str, Any]]
) -> HttpResponse:
    """The page; it must run outside of a transaction, since a question is embedded over the network."""
    form = MeaningForm(_with_defaults(request.GET) if "q" in request.GET else None)
    started, found = time.perf_counter(), None
    if form.is_valid():
        try:
            found = recall(tenant, form.query())
        except InvalidInput as error:
            form.add_error(None, error.detail)
    seconds = time.perf_counter() - started
    with tenant_scope(tenant.id):
        drawn = draw(found) if found else []
        context = {
            **site_context(request),
            "title": "Search by meaning",
            "form": form,
            "media": form.media,
            "found": found,
            "drawn": drawn,
            "legend": legend(drawn),
            "milliseconds": round(seconds * 1000),
        }
        return TemplateResponse(request, "admin/memories/memory/meaning.html", context).render()


def _with_defaults(said: QueryDict) -> QueryDict:
    """A link may name the question alone; the form then shows what was used for the rest."""
    complete = said.copy()
    for name in ("mode", "k"):
        complete.setdefault(name, str(MeaningForm.base_fields[name].initial))
    return complete


def draw(found: Recall) -> list[DrawnHit]:
    """All hits to one scale, so that their bars can be compared."""
    explained = [(hit, hit.explanation) for hit in found.hits if hit.explanation]
    against = max((-_total(each.signals, below_zero=True) for _, each in explained), default=0.0)
    for_it = max((_total(each.signals, below_zero=False) for _, each in explained), default=0.0)
    scale = 100 / ((against + for_it) or 1.0)
    return [
        DrawnHit(
            hit,
            score_bar(hit.score, each),
            signal_bar(each.signals, zero=against * scale, scale=scale),
            against * scale,
        )
        for hit, each in explained
    ]


def score_bar(score: float, explanation: Explanation) -> list[Segment]:
    """The parts of the final score, which together are as long as the score out of 1."""
    weights = explanation.weights
    total = sum(weights[name] for name in ("similarity", "importance", "recency")) or 1.0
    important, recent = weights["importance"] / total, weights["recency"] / total
    similar = min(score, (1 - weights["strength"] * (important + recent)) * explanation.similarity)
    told = important * explanation.importance + recent * explanation.recency
    rest = (score - similar) / told if told else 0.0
    parts = [
        ("similarity", f"similarity {explanation.similarity:.2f}", similar),
        ("importance", f"importance {explanation.importance:.2f}", rest * important * explanation.importance),
        ("recency", f"recency {explanation.recency:.2f}", rest * recent * explanation.recency),
    ]
    return list(_stacked(parts, start=0.0, scale=100.0))


def signal_bar(signals: Mapping[str, float], *, zero: float, scale: float) -> list[Segment]:
    """What speaks for a hit from zero to the right, what speaks against it to the left."""
    named = [(name, SIGNALS.get(name, name), signals[name]) for name in sorted(signals, key=_place)]
    rising = [part for part in named if part[2] > 0]
    falling = [part for part in named if part[2] < 0]
    return [*_stacked(rising, start=zero, scale=scale), *_stacked(falling, start=zero, scale=scale)]


def legend(drawn: Sequence[DrawnHit]) -> list[tuple[str, str]]:
    """The names and labels of the signals that were drawn."""
    names = {segment.name for each in drawn for segment in each.signals}
    return [(name, SIGNALS.get(name, name)) for name in sorted(names, key=_place)]


def _stacked(parts: Iterable[tuple[str, str, float]], *, start: float, scale: float) -> Iterable[Segment]:
    for name, label, value in parts:
        width = abs(value) * scale
        begin = start if value >= 0 else start - width
        yield Segment(name, label, value, round(begin, 3), round(width, 3))
        start += value * scale


def _place(name: str) -> int:
    return list(SIGNALS).index(name) if name in SIGNALS else len(SIGNALS)


def _total(signals: Mapping[str, float], *, below_zero: bool) -> float:
    return sum(value for value in signals.values() if (value < 0) is below_zero)
