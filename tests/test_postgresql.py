"""Pooled connections whose server has gone."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from memos_project.db import fetch_prepared
from memos_project.local.postgres import SUPERUSER
from memos_project.postgresql import base
from memos_project.postgresql.base import _has_ended
from tests import servers


def end_one():
    """A connection of the pool whose server is gone, and the number of its process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [first] = cursor.fetchone()
    ended = connection.connection
    connection.close()
    with psycopg.connect(servers.database().url(SUPERUSER), autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    return ended, first


@pytest.mark.django_db(transaction=True)
def test_one_that_is_lost_when_it_is_first_used_is_another(monkeypatch):
    ended, _ = end_one()
    assert _has_ended(ended)
    monkeypatch.setattr(base, "_has_ended", lambda found: found is not ended and _has_ended(found))
    for _ in range(connection.pool.max_size):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_ended_while_it_rested_is_not_used():
    ended, first = end_one()
    assert _has_ended(ended)
    assert _has_ended(ended)  # and one that is known to be lost
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != (first,)


@pytest.mark.django_db(transaction=True)
def test_nor_by_another_thread():
    def ask():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                return cursor.fetchone()
        finally:
            connection.close()

    _, first = end_one()
    with ThreadPoolExecutor(1) as pool:
        assert all(pool.submit(ask).result() != (first,) for _ in range(connection.pool.max_size))


@pytest.mark.django_db
def test_a_connection_that_lives_has_not_ended():
    connection.ensure_connection()
    assert not _has_ended(connection.connection)


@pytest.mark.django_db
def test_a_prepared_statement_is_logged_as_it_was_asked():
    with CaptureQueriesContext(connection) as asked:
        assert fetch_prepared("SELECT %s::int", [1]) == [(1,)]
    assert [each["sql"] for each in asked] == ["SELECT %s::int"]
