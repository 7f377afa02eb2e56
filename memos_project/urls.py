"""Every address of memOS."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from memos_project.api import health, hub, me

urlpatterns = [
    # First, since it is asked most and does least.
    path("", include("memories.api.working.urls")),
    path("", RedirectView.as_view(url="/docs", permanent=False)),
    path("health", health.HealthView.as_view()),
    path("v1/admin/health", health.AdminHealthView.as_view()),
    path("metrics", health.metrics),
    path("v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("v1/me", me.MeView.as_view()),
    path("memory/store", hub.StoreView.as_view()),
    path("memory/query", hub.QueryView.as_view()),
    path("memory/tier/1/store", hub.TierOneView.as_view()),
    path("memory/tier/1/<str:key>", hub.TierOneEntryView.as_view()),
    path("memory/tier/3/store", hub.TierThreeView.as_view()),
    path("", include("memories.api.urls")),
    path("", include("memories.api.notes.urls")),
    path("", include("graph.api.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "memos_project.api.problems.bad_request"
handler404 = "memos_project.api.problems.not_found"
handler500 = "memos_project.api.problems.server_error"
