from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "memos_project.api"
    label = "api"
