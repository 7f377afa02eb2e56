from django.urls import path

from memories.api import views

urlpatterns = [
    path("v1/memories", views.MemoriesView.as_view()),
    path("v1/memories/search", views.SearchView.as_view()),
    path("v1/memories/<uuid:memory_id>", views.MemoryView.as_view()),
    path("v1/memories/<uuid:memory_id>/versions", views.VersionsView.as_view()),
    path("v1/memories/<uuid:memory_id>/receipt", views.ReceiptView.as_view()),
    path("v1/messages", views.MessagesView.as_view()),
    path("v1/memory/search", views.MessageSearchView.as_view()),
    path("v1/knowledge", views.KnowledgeView.as_view()),
    path("v1/conversations", views.ConversationsView.as_view()),
    path("v1/conversations/<str:conversation>", views.ConversationView.as_view()),
    path("v1/conversations/<str:conversation>/messages", views.ConversationMessagesView.as_view()),
]
