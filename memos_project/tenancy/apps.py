from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TenancyConfig(AppConfig):
    name = "memos_project.tenancy"
    label = "tenancy"
    verbose_name = "Tenants and keys"

    def ready(self) -> None:
        # Binds shared tasks to our Celery application. Not in the package's __init__: the supervisor, which
        # lives as long as the stack, would carry Celery for nothing.
        from memos_project import celery  # noqa: F401
        from memos_project.tenancy.planner import assume_tenant_sizes

        post_migrate.connect(assume_tenant_sizes, sender=self)
