"""Django loads a backend's DatabaseWrapper from its module ``base``."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes no connection from the pool whose server has gone, and asks none for a sign of life that keeps silent.

    CONN_HEALTH_CHECKS would ask each, at the price of a round trip for every request.
    """

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _has_ended(connection):
            self.pool.putconn(connection)  # which throws it away
            connection = super().get_new_connection(conn_params)
        return connection

    def connect(self) -> None:
        """Once more where the connection was lost between the look at it and its first use, when nothing was asked yet."""
        try:
            super().connect()
        except OperationalError:
            if not self.pool or self.connection is None:
                raise
            self.close()
            super().connect()


def _has_ended(connection: psycopg.Connection[Any]) -> bool:
    """A server that says something to a connection at rest says that it is over, or next to nothing: then it is asked."""
    try:
        heard = select.poll()
        heard.register(connection, select.POLLIN)  # which one that is known to be lost refuses
        if heard.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return True
    return False
