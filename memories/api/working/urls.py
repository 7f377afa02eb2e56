from django.urls import path

from memories.api.working import scratchpads, sessions, views

urlpatterns = [
    path("v1/scratchpads", scratchpads.ScratchpadsView.as_view()),
    path("v1/scratchpads/<str:session>", scratchpads.ScratchpadView.as_view()),
    path("v1/scratchpads/<str:session>/entries", scratchpads.EntriesView.as_view()),
    path("v1/scratchpads/<str:session>/promote", scratchpads.PromoteView.as_view()),
    path("v1/sessions/<str:session>/end", scratchpads.EndView.as_view()),
    path("v1/sessions/<str:session>/entities", sessions.EntitiesView.as_view()),
    path("v1/working/read", views.ReadView.as_view()),
    path("v1/working/<str:scope>", views.ScopeView.as_view()),
    path("v1/working/<str:scope>/<str:key>", views.EntryView.as_view()),
    path("v1/working/<str:scope>/<str:key>/increment", views.IncrementView.as_view()),
    path("v1/working/<str:scope>/<str:key>/append", views.AppendView.as_view()),
]
