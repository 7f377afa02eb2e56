"""What the page of an entity draws and tells: what is around it, and what was said of it when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from graph import queries
from graph.admin.fields import MomentField
from graph.models import Relation
from graph.neighbourhoods import MAX_DEPTH, Neighbourhood, Tie, around
from graph.pictures import COLOURS, OTHER, draw_timeline
from graph.pictures.svg import short, spoken
from graph.queries import Fact

MAX_FACTS, MAX_AROUND = 200, 80
LOCAL = "%Y-%m-%dT%H:%M"
ANY = UUID(int=0)


class ViewForm(forms.Form):
    """What of an entity is shown; what makes no sense is left out."""

    depth = forms.IntegerField(min_value=1, max_value=MAX_DEPTH, required=False)
    ended = forms.BooleanField(required=False)
    at = MomentField(required=False)
    known_at = MomentField(required=False)


@dataclass(frozen=True, slots=True)
class View:
    depth: int
    ended: bool
    at: datetime | None
    known_at: datetime | None

    @classmethod
    def of(cls, params: QueryDict) -> "View":
        form = ViewForm(params)
        form.is_valid()
        said = form.cleaned_data
        return cls(said.get("depth") or 1, said.get("ended", False), said.get("at"), said.get("known_at"))

    def typed(self) -> dict[str, Any]:
        """As the fields of a page want it."""
        moments = {"at": self.at, "known_at": self.known_at}
        written = {name: f"{each:{LOCAL}}" if each else "" for name, each in moments.items()}
        return {"depth": self.depth, "ended": self.ended, **written}


def context(tenant_id: UUID, entity_id: UUID, view: View) -> dict[str, Any]:
    """All that the page of an entity shows beside its form."""
    found = around(tenant_id, entity_id, depth=view.depth, limit=MAX_AROUND, ended=view.ended)
    page = "admin:graph_entity_change"
    return {
        "view": view.typed(),
        "depths": range(1, MAX_DEPTH + 1),
        "around": drawn(entity_id, found),
        "kinds": sorted({(each.kind, COLOURS.get(each.kind, OTHER)) for each in found.nodes}),
        "page_template": reverse(page, args=[ANY]),
        "more_template": reverse("admin:graph_entity_neighbourhood", args=[ANY]),
        "names": queries.names_of(tenant_id, entity_id),
        "speaking": queries.speaking_of(tenant_id, entity_id),
        **_timeline(tenant_id, entity_id, view),
    }


def drawn(entity_id: UUID, found: Neighbourhood) -> dict[str, Any]:
    """A neighbourhood as ``neighbourhood.js`` and the list beside the picture want it."""
    names = {each.id: each.name for each in found.nodes}
    nodes = [
        {
            "id": str(each.id),
            "name": each.name,
            "label": short(each.name, 40),
            "kind": each.kind,
            "depth": each.depth,
            "colour": COLOURS.get(each.kind, OTHER),
        }
        for each in found.nodes
    ]
    return {
        "start": str(entity_id),
        "nodes": nodes,
        "edges": [_edge(each, names) for each in found.edges],
        "is_cut": found.is_cut,
    }


def _edge(tie: Tie, names: Mapping[UUID, str]) -> dict[str, Any]:
    begun = f"{tie.valid_from:%-d %b %Y}"
    return {
        "id": f"{tie.subject_id} {tie.predicate} {tie.object_id}",
        "subject": str(tie.subject_id),
        "subject_name": names[tie.subject_id],
        "said": spoken(tie.predicate),
        "object": str(tie.object_id),
        "object_name": names[tie.object_id],
        "ended": tie.is_ended,
        "when": f"{begun} – {tie.valid_to:%-d %b %Y}" if tie.valid_to else f"since {begun}",
    }


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as a table tells it: whether it held, and what ended it."""

    fact: Fact
    said: str
    held: bool
    why: str


def told(
    tenant_id: UUID,
    entity_id: UUID,
    *,
    at: datetime | None = None,
    known_at: datetime | None = None,
    limit: int = MAX_FACTS,
) -> list[Told]:
    """The latest facts of an entity, the latest first."""
    facts = queries.timeline(tenant_id, entity_id, known_at=known_at, limit=limit)
    enders = [each.superseded_by for each in facts if each.superseded_by]
    denials = set(Relation.objects.filter(pk__in=enders, negated=True).values_list("pk", flat=True))
    moment = at or timezone.now()
    return [
        Told(
            fact,
            spoken(fact.predicate),
            held=fact.valid_from <= moment and (fact.valid_to is None or fact.valid_to > moment),
            why=("ended" if fact.superseded_by in denials else "replaced") if fact.superseded_by else "",
        )
        for fact in reversed(facts)
    ]


def _timeline(tenant_id: UUID, entity_id: UUID, view: View) -> dict[str, Any]:
    rows = told(tenant_id, entity_id, at=view.at, known_at=view.known_at)
    if not rows:
        return {"facts": rows}
    facts: Sequence[Fact] = [each.fact for each in reversed(rows)]
    picture, left_out = draw_timeline(
        entity_id,
        facts,
        queries.denials(tenant_id, entity_id, known_at=view.known_at),
        now=view.known_at or timezone.now(),
        at=view.at,
        link=lambda memory_id: reverse("admin:memories_memory_change", args=[memory_id]),
    )
    # All text in it was escaped when it was drawn.
    return {"facts": rows, "timeline": mark_safe(picture), "left_out": left_out}
