from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "memos_project.tenancy"
    label = "tenancy"
    verbose_name = "Tenants and keys"

    def ready(self) -> None:
        # Binds shared tasks to our Celery application. Not in the package's __init__: the supervisor, which
        # lives as long as the stack, would carry Celery for nothing.
        from memos_project import celery  # noqa: F401
