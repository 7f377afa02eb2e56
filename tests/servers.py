"""The PostgreSQL and the Valkey of one test process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from memos_project.celery import app as celery
from memos_project.env import env
from memos_project.local import postgres, valkey
from memos_project.redis import client

# Rows that migrations made and tests read.
KEPT = ("django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions")

TABLES = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> ALL(%s)
"""
# Real vectors cost half a second for every dozen texts; hashed words find the same text again just as well.
HASHED_WORDS = "UPDATE memories_embeddingmodel SET name = 'hashed-words', provider = 'hash' WHERE id = 1"


_database: list[postgres.Postgres] = []


def database() -> postgres.Postgres:
    """The PostgreSQL that is running."""
    return _database[-1]


@contextmanager
def running(directory: Path, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Start both, point Django, Redis and Celery at them, migrate."""
    with (
        postgres.running(directory / "postgres", durable=False) as server,
        valkey.running(directory / "valkey", durable=False) as store,
    ):
        _database.append(server)
        owner_url = server.url(postgres.OWNER)
        _connect("default", server.url(postgres.APP))
        _connect("owner", owner_url)
        settings.REDIS_URL = settings.CELERY_BROKER_URL = celery.conf.broker_url = store.url
        client.cache_clear()
        with blocker.unblock():
            call_command("migrate", database="owner", verbosity=0)
        with psycopg.connect(owner_url) as owner:
            owner.execute(HASHED_WORDS)
            owner.execute("CREATE SCHEMA seed")
            owner.execute("CREATE TABLE seed.embeddingmodel AS TABLE memories_embeddingmodel")
        with _emptied_by(owner_url):
            yield
        for connection in connections.all():
            connection.close()
        connections["default"].close_pool()
        celery.pool.force_close_all()
        client().close()


def _connect(alias: str, url: str) -> None:
    wanted = env.db_url_config(url)
    config = connections.settings[alias]
    config.update({name: value for name, value in wanted.items() if name not in ("ENGINE", "OPTIONS")})
    config["OPTIONS"].update(wanted["OPTIONS"])


@contextmanager
def _emptied_by(owner_url: str) -> Iterator[None]:
    """After a test with transactions of its own: the application's role may not truncate, so the owner does."""
    with psycopg.connect(owner_url, autocommit=True, options="-c lock_timeout=20s") as owner:

        def empty(case: TransactionTestCase) -> None:
            for connection in connections.all(initialized_only=True):
                connection.close()
            [tables] = owner.execute(TABLES, [[*KEPT, "memories_embeddingmodel"]]).fetchone() or [""]
            owner.execute(f"TRUNCATE {tables}")
            owner.execute("DELETE FROM memories_embeddingmodel")
            owner.execute("INSERT INTO memories_embeddingmodel SELECT * FROM seed.embeddingmodel")

        former = TransactionTestCase._fixture_teardown
        TransactionTestCase._fixture_teardown = empty
        try:
            yield
        finally:
            TransactionTestCase._fixture_teardown = former
