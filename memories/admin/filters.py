"""How curators narrow the list of memories."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db import connection
from django.db.models import Exists, Func, OuterRef, Q, QuerySet, Value
from django.db.models.fields import BigIntegerField
from django.db.models.functions import Now
from django.http import HttpRequest
from unfold.contrib.filters.admin import RadioFilter, TextFilter

from memories.models import Conversation, IndexJob, Memory, Posting
from memos_project.tenancy.callers import TenantInfo

TERMS = "SELECT memos_term(lexeme) FROM unnest(to_tsvector(%s::regconfig, memos_words(%s)))"


def with_words(memories: QuerySet[Memory], said: str, tenant: TenantInfo) -> QuerySet[Memory]:
    """Memories that hold every word of a text, in any inflection, by the text index that search uses."""
    with connection.cursor() as cursor:
        cursor.execute(TERMS, [tenant.language, said])
        terms = [row[0] for row in cursor.fetchall()]
    if not terms:
        return memories.none()
    for term in terms:
        posted = Posting.objects.filter(
            tenant_id=tenant.id, term=term, owner=OuterRef("owner"), memory_id=OuterRef("pk")
        )
        memories = memories.filter(Exists(posted))
    return memories


class UserFilter(TextFilter):
    """One user's memories; the hash leads into the index, the name decides."""

    title = "user"
    parameter_name = "user"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (user := self.value()) is None:
            return queryset
        owner = Func(Value(user), Value(0), function="hashtextextended", output_field=BigIntegerField())
        return queryset.filter(user_id=user, owner=owner)


class ExactFilter(TextFilter):
    """Rows with exactly this value in one field."""

    field = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.field: value})


class AgentFilter(ExactFilter):
    title, parameter_name, field = "agent", "agent", "agent_id"


class SpeakerFilter(ExactFilter):
    title, parameter_name, field = "speaker", "speaker", "speaker"


class ConversationFilter(TextFilter):
    title, parameter_name = "conversation", "in"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (key := self.value()) is None:
            return queryset
        # The ids first: the planner then knows how few rows they lead to.
        return queryset.filter(
            conversation__in=list(Conversation.objects.filter(key=key).values_list("pk", flat=True)[:1000])
        )


class TagFilter(TextFilter):
    title, parameter_name = "tag", "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tag = self.value()
        return queryset if tag is None else queryset.filter(tags__contains=[tag])


class IndexFilter(RadioFilter):
    """By how far the indexes have come; few rows are behind, so their ids are fetched."""

    title, parameter_name = "index", "index"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("behind", "Behind"), ("failing", "Failing"), ("given-up", "Given up")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {
            "behind": Q(),
            "failing": Q(due_at__isnull=False) & ~Q(error=""),
            "given-up": Q(due_at=None),
        }.get(self.value() or "")
        if wanted is None:
            return queryset
        return queryset.filter(
            Exists(IndexJob.objects.filter(wanted, memory_id=OuterRef("pk"), tenant_id=OuterRef("tenant_id")))
        )


class StandingFilter(RadioFilter):
    """By whether a memory still answers questions."""

    title, parameter_name = "standing", "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Live"), ("ended", "No longer true"), ("expired", "Expired"), ("pinned", "Pinned")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "live":
                return queryset.filter(
                    Q(expires_at=None) | Q(expires_at__gt=Now()),
                    Q(valid_to=None) | Q(valid_to__gt=Now()),
                    superseded_by=None,
                )
            case "ended":
                return queryset.filter(Q(valid_to__lte=Now()) | Q(superseded_by__isnull=False))
            case "expired":
                return queryset.filter(expires_at__lte=Now())
            case "pinned":
                return queryset.filter(pinned=True)
        return queryset


class JobFilter(SimpleListFilter):
    """The backlog by what is to be done about it."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("failing", "Failing"), ("given-up", "Given up")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "waiting":
                return queryset.filter(error="", due_at__isnull=False)
            case "failing":
                return queryset.filter(due_at__isnull=False).exclude(error="")
            case "given-up":
                return queryset.filter(due_at=None)
        return queryset
