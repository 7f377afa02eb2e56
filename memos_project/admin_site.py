"""What the curators' admin looks like: its name, colours, pages and the order of its menu."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _may(*permissions: str) -> Callable[[HttpRequest], bool]:
    return lambda request: (
        getattr(request, "tenant", None) is not None and any(map(request.user.has_perm, permissions))
    )


def _superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def _item(
    title: str, icon: str, view: str, allowed: Callable[[HttpRequest], bool], **more: Any
) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{view}"),
        "permission": allowed,
        **more,
    }


def _on(*views: str) -> Callable[[HttpRequest], bool]:
    """Whether one of these pages is shown; unfold would compare addresses, and one of ours begins another."""
    return lambda request: request.resolver_match is not None and request.resolver_match.url_name in views


def _pages_of(model: str) -> Callable[[HttpRequest], bool]:
    return _on(*(f"{model}_{page}" for page in ("changelist", "change", "add", "delete", "history")))


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "memOS",
    "SITE_HEADER": "memOS",
    "SITE_SUBHEADER": "Memory of your agents",
    "SITE_SYMBOL": "neurology",
    "SITE_URL": "/docs",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("memories/icon.svg")},
    ],
    "STYLES": [lambda request: static("memories/admin.css")],
    "SITE_VIEWS": [
        ("tenant/", "choose_tenant", "memos_project.tenancy.views.ChooseTenant"),
        ("services/", "services", "memories.admin.dashboard.Services"),
        ("working/", "working", "memories.admin.working.Overview"),
        (
            "working/scratchpads/<str:session>/",
            "working_scratchpad",
            "memories.admin.working.Scratchpad",
        ),
        ("working/entries/<str:scope>/<str:key>/", "working_entry", "memories.admin.working.Entry"),
        ("working/blackboards/<str:board>/", "working_blackboard", "memories.admin.working.Blackboard"),
    ],
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "memories.admin.dashboard.overview",
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .014 195)",
            "100": "oklch(93.6% .036 195)",
            "200": "oklch(88.1% .062 195)",
            "300": "oklch(80.5% .093 195)",
            "400": "oklch(72% .107 195)",
            "500": "oklch(62.5% .104 196)",
            "600": "oklch(51.5% .089 197)",
            "700": "oklch(44.3% .076 198)",
            "800": "oklch(37.8% .063 199)",
            "900": "oklch(32.8% .052 200)",
            "950": "oklch(23.8% .042 201)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "items": [
                    _item("Overview", "dashboard", "index", lambda request: True, active=_on("index")),
                    _item(
                        "Search by meaning",
                        "manage_search",
                        "memories_memory_meaning",
                        _may("memories.view_memory"),
                        active=_on("memories_memory_meaning"),
                    ),
                ],
            },
            {
                "title": "Memories",
                "items": [
                    _item(
                        "Memories",
                        "psychology",
                        "memories_memory_changelist",
                        _may("memories.view_memory"),
                        active=_pages_of("memories_memory"),
                    ),
                    _item(
                        "Conversations",
                        "forum",
                        "memories_conversation_changelist",
                        _may("memories.view_conversation"),
                    ),
                    _item(
                        "Notes",
                        "sticky_note_2",
                        "memories_note_changelist",
                        _may("memories.view_note"),
                        active=_pages_of("memories_note"),
                    ),
                    _item(
                        "Consolidations",
                        "auto_awesome_motion",
                        "memories_consolidationrun_changelist",
                        _may("memories.view_consolidationrun"),
                        active=_pages_of("memories_consolidationrun"),
                    ),
                    _item(
                        "Audit",
                        "fact_check",
                        "memories_auditentry_changelist",
                        _may("memories.view_auditentry"),
                    ),
                ],
            },
            {
                "title": "Knowledge",
                "items": [
                    _item(
                        "Entities",
                        "hub",
                        "graph_entity_changelist",
                        _may("graph.view_entity"),
                        active=_pages_of("graph_entity"),
                    ),
                    _item(
                        "Relations",
                        "conversion_path",
                        "graph_relation_changelist",
                        _may("graph.view_relation"),
                        active=_pages_of("graph_relation"),
                    ),
                    _item(
                        "Doubts",
                        "help",
                        "graph_doubt_changelist",
                        _may("graph.view_doubt"),
                        active=_pages_of("graph_doubt"),
                    ),
                    _item(
                        "Merges",
                        "merge",
                        "graph_merge_changelist",
                        _may("graph.view_merge"),
                        active=_pages_of("graph_merge"),
                    ),
                    _item(
                        "Splits",
                        "call_split",
                        "graph_split_changelist",
                        _may("graph.view_split"),
                        active=_pages_of("graph_split"),
                    ),
                    _item(
                        "Unread",
                        "mark_email_unread",
                        "memories_readjob_changelist",
                        _may("memories.view_readjob"),
                        active=_pages_of("memories_readjob"),
                    ),
                ],
            },
            {
                "title": "Working memory",
                "items": [
                    _item(
                        "Sessions and caches",
                        "bolt",
                        "working",
                        _may("memories.view_memory"),
                        active=_on("working", "working_entry", "working_scratchpad", "working_blackboard"),
                    ),
                ],
            },
            {
                "title": "Index",
                "items": [
                    _item(
                        "Backlog",
                        "pending_actions",
                        "memories_indexjob_changelist",
                        _may("memories.view_indexjob"),
                        badge="memories.admin.backlog.badge",
                        badge_variant="warning",
                    ),
                    _item(
                        "Embedding models",
                        "hub",
                        "memories_embeddingmodel_changelist",
                        _may("memories.view_embeddingmodel"),
                    ),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _item("Tenants", "apartment", "tenancy_tenant_changelist", _superuser),
                    _item("API keys", "key", "tenancy_apikey_changelist", _may("tenancy.view_apikey")),
                    _item("Users", "person", "auth_user_changelist", _superuser),
                    _item("Groups", "group", "auth_group_changelist", _superuser),
                ],
            },
            {
                "title": "Running",
                "items": [
                    _item(
                        "Scheduled tasks",
                        "schedule",
                        "django_celery_beat_periodictask_changelist",
                        _superuser,
                    ),
                ],
            },
        ],
    },
}
