"""gunicorn's configuration for `manage.py up`; address and number of workers come from the command line."""

from __future__ import annotations

import gc
import logging
from typing import Any

from django.urls import get_resolver
from gunicorn.glogging import Logger

wsgi_app = "memos_project.wsgi"
worker_class = "gthread"
threads = 8
timeout = 120
graceful_timeout = 8
keepalive = 30
# The most that gunicorn takes: a search by GET has its question in the address.
limit_request_line = 8190
control_socket_disable = True
# Loaded once and shared by the workers: less memory, and a worker that died is replaced at once.
preload_app = True


class OurLogger(Logger):
    """Leaves what gunicorn has to say to the logging of settings.py, like everything else."""

    def setup(self, cfg: Any) -> None:
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.error_log.propagate = True
        self.access_log.disabled = True  # our own middleware logs requests


logger_class = OurLogger


def when_ready(server: Any) -> None:
    """Before the workers are forked: import the views, and keep the collector off what is shared."""
    assert get_resolver().url_patterns
    gc.collect()
    gc.freeze()
