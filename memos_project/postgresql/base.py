"""Django loads a backend's DatabaseWrapper from its module ``base``."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes no connection from the pool whose server has gone, and asks none that is there for a sign of life.

    CONN_HEALTH_CHECKS would ask, at the price of a round trip for every request.
    """

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _has_ended(connection):
            self.pool.putconn(connection)  # which throws it away
            connection = super().get_new_connection(conn_params)
        return connection


def _has_ended(connection: psycopg.Connection[Any]) -> bool:
    """A server says nothing to a connection at rest but that it is over."""
    heard = select.poll()
    heard.register(connection, select.POLLIN)
    if heard.poll(0):
        try:
            connection.pgconn.consume_input()
        except psycopg.OperationalError:
            return True
    return connection.pgconn.status == psycopg.pq.ConnStatus.BAD
