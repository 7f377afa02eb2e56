import os
import sys
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand

from memos_project.env import env
from memos_project.local.children import Plan, environment


class Command(BaseCommand):
    help = "Start memOS: the stores that no URL names, web server, worker and beat, until Ctrl-C."
    requires_system_checks = ()  # they may ask the database, which is not there yet

    def handle(self, **options: Any) -> NoReturn:
        plan = Plan(
            home=str(settings.MEMOS_HOME),
            host=env.str("MEMOS_HOST", default="127.0.0.1"),
            port=env.int("MEMOS_PORT", default=8000, minimum=1, maximum=65535),
            embed_postgres=not env.database("DATABASE_URL"),
            embed_valkey=not env.address("REDIS_URL", schemes=("redis", "rediss", "unix")),
        )
        os.chdir(settings.BASE_DIR)
        # Afresh: how memory is handed out, and where the stores are, is read when a process begins.
        argv = [sys.executable, "-m", "memos_project.local.supervisor", plan.to_json()]
        os.execve(sys.executable, argv, environment(settings.MEMOS_HOME))
