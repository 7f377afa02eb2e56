from django.urls import path

from memories.api.working import cache, openai, sessions, views

urlpatterns = [
    path("v1/cache", cache.CacheView.as_view()),
    path("v1/cache/lookup", cache.LookupView.as_view()),
    path("v1/openai/chat/completions", openai.CompletionsView.as_view()),
    path("v1/cache/usage", cache.CacheUsageView.as_view()),
    path("v1/sessions/<str:session>/entities", sessions.EntitiesView.as_view()),
    path("v1/working/read", views.ReadView.as_view()),
    path("v1/working/<str:scope>", views.ScopeView.as_view()),
    path("v1/working/<str:scope>/<str:key>", views.EntryView.as_view()),
    path("v1/working/<str:scope>/<str:key>/increment", views.IncrementView.as_view()),
    path("v1/working/<str:scope>/<str:key>/append", views.AppendView.as_view()),
]
