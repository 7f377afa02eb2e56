"""Conversations: the list, and one read as a chat."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from memories.admin.filters import UserFilter
from memories.models import Conversation, Memory
from memories.retrieval import list_turns
from memos_project.tenancy.admin_base import ReadOnlyRows, TenantChangeList, tenant_of

PAGE = 100
EXCERPT = 120


class ConversationUserFilter(UserFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        user = self.value()
        return queryset if user is None else queryset.filter(user_id=user)


class ConversationChangeList(TenantChangeList):
    """Adds the last turn of each conversation; by the index on turns that is one look per row on show."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Conversation]:
        last = Memory.objects.filter(conversation=OuterRef("pk"), turn__isnull=False).order_by("-turn")
        found: QuerySet[Conversation] = super().get_queryset(request, exclude_parameters)
        return found.annotate(
            last_at=Subquery(last.values("occurred_at")[:1]),
            last_speaker=Subquery(last.values("speaker")[:1]),
            last_said=Subquery(last.values(said=Left("content", EXCERPT))[:1]),
        )

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = Memory.objects.filter(
            conversation__in=[each.pk for each in self.result_list], turn__isnull=False
        )
        counted = dict(shown.order_by().values_list("conversation").annotate(Count("pk")))
        for conversation in self.result_list:
            conversation.counted = counted.get(conversation.pk, 0)


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyRows):
    list_display = ("name", "user_id", "turn_count", "last_message", "last_time", "created_at")
    list_filter = (ConversationUserFilter,)
    search_fields = ("key", "title")
    search_help_text = "A part of the name or title."
    ordering = ("-id",)
    sortable_by = ("created_at",)
    fields = ("key", "title", "user_id", "created_at")
    change_form_template = "admin/memories/conversation/chat.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return ConversationChangeList

    @display(description="Conversation", header=True)
    def name(self, conversation: Conversation) -> list[str]:
        return [conversation.title, conversation.key] if conversation.title else [conversation.key]

    @display(description="Turns")
    def turn_count(self, conversation: Any) -> int:
        return int(conversation.counted)

    @display(description="Last message")
    def last_message(self, conversation: Any) -> SafeString | str:
        if conversation.last_said is None:
            return "-"
        speaker = f"{conversation.last_speaker}: " if conversation.last_speaker else ""
        return format_html('<span class="memos-clip">{}{}</span>', speaker, conversation.last_said)

    @display(description="At")
    def last_time(self, conversation: Any) -> str:
        return f"{conversation.last_at:%d %b %Y %H:%M}" if conversation.last_at else "-"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **self._chat(request, object_id)}
        )

    def _chat(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """A page of turns: those after ``?after=``, or those around ``?around=``, which is pointed out."""
        around = _number(request.GET.get("around"))
        after = max(0, around - PAGE // 2) if around else _number(request.GET.get("after"))
        try:
            turns = list_turns(tenant_of(request).id, UUID(object_id), after=after, limit=PAGE + 1)
        except (ValueError, AssertionError):
            return {}
        return {
            "turns": turns[:PAGE],
            "around": around,
            "earlier": max(0, after - PAGE) if after else None,
            "later": turns[PAGE - 1].turn if len(turns) > PAGE else None,
        }


def _number(said: str | None) -> int:
    return int(said) if said and said.isdecimal() and len(said) < 10 else 0
