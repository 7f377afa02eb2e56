from django.urls import path

from memories.api.notes import views

urlpatterns = [
    path("v1/notes", views.NotesView.as_view()),
    path("v1/notes/<uuid:note_id>", views.NoteView.as_view()),
    path("v1/consolidations", views.ConsolidationsView.as_view()),
    path("v1/consolidations/<uuid:run_id>", views.ConsolidationView.as_view()),
    path("v1/consolidations/<uuid:run_id>/undo", views.UndoView.as_view()),
]
