"""Django loads a backend's DatabaseWrapper from its module ``base``."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base, operations
from django.db.transaction import TransactionManagementError
from django.db.utils import OperationalError
from psycopg_pool import ConnectionPool


class DatabaseOperations(operations.DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str:
        """A prepared statement as it was asked: psycopg keeps no text of it."""
        return super().last_executed_query(cursor, sql, params) or str(sql)


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes no connection from the pool whose server has gone, and asks none for a sign of life that keeps silent.

    CONN_HEALTH_CHECKS would ask each, at the price of a round trip for every request.
    """

    ops_class = DatabaseOperations

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _has_ended(connection):
            self.pool.putconn(connection)  # which throws it away
            connection = super().get_new_connection(conn_params)
        return connection

    @property
    def is_pipelined(self) -> bool:
        """Whether statements go out without waiting for the ones before."""
        return self.connection is not None and bool(self.connection.info.pipeline_status)

    def _set_autocommit(self, autocommit: bool) -> None:
        # BEGIN would end the transaction that the pipeline is, and no error would tell.
        if self.is_pipelined:
            raise TransactionManagementError("A transaction cannot begin in a read scope.")
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs do not know it

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
