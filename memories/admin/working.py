"""Working memory for curators: what a tenant holds in Redis, its scratchpads, blackboards and cached answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views import View

from memories import promotion
from memories.admin.dashboard import bars
from memories.working import blackboards, keyvalue, leases, llm_cache, scratchpads
from memories.working.store import quota as quota_of
from memos_project.db import tenant_scope
from memos_project.errors import MemosError, NotFound
from memos_project.tenancy.admin_base import actor_of, tenant_of
from memos_project.tenancy.callers import TenantInfo
from memos_project.tenancy.middleware import opens_own_transactions

# As many as a page shows.
MOST_PADS = MOST_BOARDS = MOST_ENTRIES = 200
MOST_POSTS = 500

OUTCOMES = {
    "exact": "the same request",
    "semantic": "one that asks the same",
    "near": "alike, but refused",
    "outdated": "rested on a changed memory",
    "miss": "nothing",
}


@dataclass(frozen=True, slots=True)
class Shown[T]:
    """The first of what there is, and whether there are more."""

    rows: list[T]
    is_cut: bool


def first[T](found: list[T], most: int) -> Shown[T]:
    """Of what was asked for with one more than ``most``."""
    return Shown(found[:most], len(found) > most)


class WorkingPage(View, ABC):
    """A page that asks Redis, and so runs outside of the admin's transaction. Posted buttons name a method in ``acts``."""

    admin_site: admin.AdminSite | None = None
    template: ClassVar[str]
    acts: ClassVar[Mapping[str, str]] = {}

    @opens_own_transactions
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm("memories.view_memory"):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, **named: str) -> HttpResponse:
        tenant = tenant_of(request)
        try:
            shown = self.shown(tenant, **named)
        except MemosError as error:  # it has expired since the page that led here
            messages.warning(request, error.detail)
            return redirect("admin:working")
        assert self.admin_site is not None
        with tenant_scope(tenant.id):
            context = {
                **self.admin_site.each_context(request),
                **shown,
                "may_change": request.user.has_perm("memories.change_memory"),
            }
            return TemplateResponse(request, self.template, context).render()

    def post(self, request: HttpRequest, **named: str) -> HttpResponse:
        if not request.user.has_perm("memories.change_memory"):
            raise PermissionDenied
        act = self.acts.get(request.POST.get("act", ""))
        if act is None:
            raise Http404
        try:
            messages.success(request, getattr(self, act)(request, tenant_of(request), **named))
        except MemosError as error:
            messages.error(request, error.detail)
        return redirect("admin:working" if act in ("expire", "end") else request.path)

    @abstractmethod
    def shown(self, tenant: TenantInfo, **named: str) -> dict[str, Any]:
        """What the template is told."""


class Overview(WorkingPage):
    template = "admin/memories/working/overview.html"
    acts: ClassVar = {"invalidate": "invalidate"}

    def shown(self, tenant: TenantInfo, **named: str) -> dict[str, Any]:
        pads, answered = scratchpads.list_pads(tenant.id, after="", limit=MOST_PADS + 1)
        boards, _ = blackboards.list_boards(tenant.id, after="", limit=MOST_BOARDS + 1)
        entries, _ = keyvalue.list_all(tenant.id, limit=MOST_ENTRIES + 1)
        usage, quota = llm_cache.usage(tenant.id), quota_of(tenant)
        used = keyvalue.used(tenant.id)
        counts = [(label, usage.counts.get(name, 0)) for name, label in OUTCOMES.items()]
        return {
            "title": "Working memory",
            "answered": answered,
            "used": used,
            "quota": quota,
            "share": round(100 * used / quota, 1),
            "pads": first(pads, MOST_PADS),
            "entries": first(entries, MOST_ENTRIES),
            "boards": first(boards, MOST_BOARDS),
            "usage": usage,
            "saved": usage.counts.get("saved_tokens", 0),
            "outcomes": bars(counts),
        }

    def invalidate(self, request: HttpRequest, tenant: TenantInfo) -> str:
        said = {name: request.POST.get(name, "").strip() or None for name in ("tag", "model")}
        everything = request.POST.get("everything") == "on"
        dropped = llm_cache.drop(tenant.id, tag=said["tag"], model=said["model"], everything=everything)
        return f"{dropped} cached answers dropped."


class Scratchpad(WorkingPage):
    template = "admin/memories/working/scratchpad.html"
    acts: ClassVar = {
        "promote": "promote",
        "promote-worthy": "promote_worthy",
        "end": "end",
        "discard": "discard",
    }

    def shown(self, tenant: TenantInfo, **named: str) -> dict[str, Any]:
        session = named["session"]
        entries = scratchpads.whole(tenant.id, session)
        if not entries:
            raise NotFound(scratchpads.MISSING)
        return {"title": f"Scratchpad of {session}", "session": session, "entries": entries}

    def promote(self, request: HttpRequest, tenant: TenantInfo, session: str) -> str:
        chosen = request.POST.getlist("entry")
        return _told(promotion.promote_chosen(tenant, session, chosen, actor=actor_of(request)))

    def promote_worthy(self, request: HttpRequest, tenant: TenantInfo, session: str) -> str:
        return _told(promotion.promote_worthy(tenant, session, actor=actor_of(request)))

    def end(self, request: HttpRequest, tenant: TenantInfo, session: str) -> str:
        ended = promotion.end(tenant, session, actor=actor_of(request))
        told = f"{_told(ended)} " if ended.verdicts else ""
        return f"{told}The scratchpad of {session} is gone within a minute."

    def discard(self, request: HttpRequest, tenant: TenantInfo, session: str) -> str:
        scratchpads.delete(tenant.id, session)
        return f"The scratchpad of {session} is gone, and nothing of it became a memory."


class Entry(WorkingPage):
    template = "admin/memories/working/entry.html"
    acts: ClassVar = {"expire": "expire"}

    def shown(self, tenant: TenantInfo, **named: str) -> dict[str, Any]:
        entry = keyvalue.get(tenant.id, named["scope"], named["key"])
        return {"title": f"Entry {named['key']} of {named['scope']}", "entry": entry}

    def expire(self, request: HttpRequest, tenant: TenantInfo, scope: str, key: str) -> str:
        keyvalue.delete(tenant, scope, key)
        return f"{key} of {scope} is gone."


class Blackboard(WorkingPage):
    """What every agent of the task may read; private areas stay private."""

    template = "admin/memories/working/blackboard.html"
    acts: ClassVar = {"end": "end"}

    def shown(self, tenant: TenantInfo, **named: str) -> dict[str, Any]:
        board = named["board"]
        if not blackboards.is_there(tenant.id, board):
            raise NotFound(blackboards.MISSING)
        reading = blackboards.read_posts(tenant.id, board, limit=MOST_POSTS + 1)
        return {
            "title": f"Blackboard {board}",
            "board": board,
            "posts": first(reading.posts, MOST_POSTS),
            "claims": leases.list_leases(tenant.id, board, "claims")[0],
            "handles": leases.list_leases(tenant.id, board, "handles")[0],
        }

    def end(self, request: HttpRequest, tenant: TenantInfo, board: str) -> str:
        blackboards.end(tenant, board)
        return f"The blackboard {board} is ended."


def _told(done: promotion.Promotion) -> str:
    made = sum(verdict.status == "promoted" for verdict in done.verdicts)
    return f"{made} of {len(done.verdicts)} entries became memories."
