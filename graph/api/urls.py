from django.urls import path

from graph.api import views

urlpatterns = [
    path("v1/entities", views.EntitiesView.as_view()),
    path("v1/entities/<uuid:entity_id>", views.EntityView.as_view()),
    path("v1/entities/<uuid:entity_id>/timeline", views.TimelineView.as_view()),
    path("v1/entities/<uuid:entity_id>/facts", views.FactsView.as_view()),
    path("v1/entities/<uuid:entity_id>/memories", views.MemoriesView.as_view()),
    path("v1/entities/<uuid:entity_id>/neighbourhood", views.NeighbourhoodView.as_view()),
    path("v1/entities/<uuid:entity_id>/merges", views.MergesView.as_view()),
    path("v1/entities/<uuid:entity_id>/split", views.SplitView.as_view()),
    path("v1/splits/<uuid:split_id>/undo", views.UndoSplitView.as_view()),
    path("v1/relations/<uuid:relation_id>", views.RelationView.as_view()),
    path("v1/relations/<uuid:relation_id>/end", views.EndView.as_view()),
    path("v1/relations/<uuid:relation_id>/restore", views.RestoreView.as_view()),
    path("v1/merges", views.AllMergesView.as_view()),
    path("v1/merges/<uuid:merge_id>/undo", views.UndoView.as_view()),
    path("graph/query", views.QueryView.as_view()),
    path("graph/related/<uuid:node_id>", views.RelatedView.as_view()),
    path("graph/path/<uuid:start>/<uuid:end>", views.PathView.as_view()),
    path("v1/doubts", views.DoubtsView.as_view()),
    path("v1/doubts/<uuid:doubt_id>", views.DoubtView.as_view()),
]
