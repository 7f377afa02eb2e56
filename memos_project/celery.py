"""The Celery application; its settings are the ``CELERY_*`` ones of ``settings.py``."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memos_project.settings")

app = Celery("memos")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**kwargs: object) -> None:
    """Being connected is enough: Celery then leaves the logging that settings.py set up alone."""
