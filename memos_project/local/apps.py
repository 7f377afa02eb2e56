from django.apps import AppConfig


class LocalConfig(AppConfig):
    name = "memos_project.local"
    label = "local"
