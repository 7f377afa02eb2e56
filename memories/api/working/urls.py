from django.urls import path

from memories.api.working import blackboards, cache, leases, openai, scratchpads, sessions, views

urlpatterns = [
    path("v1/working/read", views.ReadView.as_view()),
    path("v1/working/<str:scope>", views.ScopeView.as_view()),
    path("v1/working/<str:scope>/<str:key>", views.EntryView.as_view()),
    path("v1/working/<str:scope>/<str:key>/increment", views.IncrementView.as_view()),
    path("v1/working/<str:scope>/<str:key>/append", views.AppendView.as_view()),
    path("v1/cache", cache.CacheView.as_view()),
    path("v1/cache/lookup", cache.LookupView.as_view()),
    path("v1/openai/chat/completions", openai.CompletionsView.as_view()),
    path("v1/cache/usage", cache.CacheUsageView.as_view()),
    path("v1/blackboards", blackboards.BlackboardsView.as_view()),
    path("v1/blackboards/<str:board>", blackboards.BlackboardView.as_view()),
    path("v1/blackboards/<str:board>/agents", blackboards.AgentsView.as_view()),
    path("v1/blackboards/<str:board>/posts", blackboards.PostsView.as_view()),
    path("v1/blackboards/<str:board>/claims", leases.ClaimsView.as_view()),
    path("v1/blackboards/<str:board>/claims/<str:name>", leases.ClaimView.as_view()),
    path("v1/blackboards/<str:board>/handles", leases.HandlesView.as_view()),
    path("v1/blackboards/<str:board>/handles/<str:name>", leases.HandleView.as_view()),
    path("v1/scratchpads", scratchpads.ScratchpadsView.as_view()),
    path("v1/scratchpads/<str:session>", scratchpads.ScratchpadView.as_view()),
    path("v1/scratchpads/<str:session>/entries", scratchpads.EntriesView.as_view()),
    path("v1/scratchpads/<str:session>/promote", scratchpads.PromoteView.as_view()),
    path("v1/sessions/<str:session>/end", scratchpads.EndView.as_view()),
    path("v1/sessions/<str:session>/entities", sessions.EntitiesView.as_view()),
]
