"""What the database layer adds to Django: tenants kept apart by PostgreSQL, ids made by it, prepared statements."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.db import connections, migrations, models, transaction
from django.db.models import Func

current_tenant: ContextVar[UUID | None] = ContextVar("current_tenant", default=None)

TENANT_SETTING = "memos.tenant_id"


class UuidV7(Func):
    """A time-ordered id, made by PostgreSQL 18."""

    function = "uuidv7"
    arity = 0
    output_field = models.UUIDField()


class TenantIsolation(models.BaseConstraint):
    """Row-level security, forced, so that even the table's owner sees only the tenant that is set.

    ``also`` is a further SQL condition that lets a row be seen. A used connection gives back an empty
    string for a setting that was local to an earlier transaction, hence NULLIF.
    """

    def __init__(self, *, name: str, column: str = "tenant_id", also: str = "") -> None:
        self.column = column
        self.also = also
        super().__init__(name=name)

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        rule = f"{schema_editor.quote_name(self.column)} = NULLIF(current_setting('{TENANT_SETTING}', true), '')::uuid"
        if self.also:
            rule = f"{rule} OR {self.also}"
        return (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY {schema_editor.quote_name(self.name)} ON {table} USING ({rule})"
        )

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        # A policy cannot be part of CREATE TABLE: it follows once the table is there.
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return None

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        table = schema_editor.quote_name(model._meta.db_table)
        return (
            f"DROP POLICY {schema_editor.quote_name(self.name)} ON {table};"
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to check in Python: PostgreSQL refuses a row of another tenant."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs["column"] = self.column
        if self.also:
            kwargs["also"] = self.also
        return path, tuple(args), kwargs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TenantIsolation) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((self.name, self.column, self.also))


@contextmanager
def tenant_scope(
    tenant_id: UUID,
    *,
    using: str = "default",
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
    pipelined: bool = False,
) -> Iterator[None]:
    """One transaction in which this tenant's rows, and no others, exist.

    ``settings`` are planner settings that hold for the same transaction. ``pipelined`` sends the statements inside
    without waiting for the ones before; who fetches rows waits for them, and an error may show only then. Scopes may be
    nested; the outer tenant is back when the inner scope ends.
    """
    connection = connections[using]
    nested = connection.in_atomic_block
    outer = current_tenant.get()
    with transaction.atomic(using=using, durable=durable):
        with _pipeline(connection) if pipelined else nullcontext():
            set_locally({TENANT_SETTING: str(tenant_id), **(settings or {})}, using=using)
            token = current_tenant.set(tenant_id)
            try:
                yield
            finally:
                current_tenant.reset(token)
        if nested and not connection.needs_rollback:
            # The end of a savepoint does not undo a local setting; the end of a transaction does.
            set_locally({TENANT_SETTING: str(outer or "")}, using=using)


@contextmanager
def read_scope(
    tenant_id: UUID, *, using: str = "default", settings: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A pipelined ``tenant_scope`` for reading alone, two round trips cheaper.

    What a connection in pipeline mode sends up to its end is one transaction, without BEGIN and COMMIT; whoever writes
    in it is refused. Within a transaction that is open already it is part of that one. No transaction and no other read
    scope can begin in it: they would end its own, and with it the tenant.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        with tenant_scope(tenant_id, using=using, settings=settings, pipelined=True):
            yield
        return
    local = {TENANT_SETTING: str(tenant_id), "transaction_read_only": "on", **(settings or {})}
    try:
        with _pipeline(connection):
            set_locally(local, using=using)
            token = current_tenant.set(tenant_id)
            try:
                yield
            finally:
                current_tenant.reset(token)
    finally:
        if connection.connection is not None and connection.connection.closed:
            connection.close()  # a lost connection: whoever goes on takes another


def set_locally(values: Mapping[str, str], *, using: str = "default") -> None:
    """Settings that hold for the rest of the transaction."""
    calls = ", ".join("set_config(%s, %s, true)" for _ in values)
    send_prepared(f"SELECT {calls}", [part for pair in values.items() for part in pair], using=using)


@contextmanager
def _pipeline(connection: Any) -> Iterator[None]:
    connection.ensure_connection()
    if connection.is_pipelined and not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A read scope cannot be opened in another.")
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


class PreparedCursor(psycopg.Cursor[Any]):
    """A cursor that plans a statement once per connection and speaks the binary protocol."""

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> "PreparedCursor":
        super().execute(query, params, prepare=True, binary=True)
        return self


def fetch_prepared(
    sql: str, params: Mapping[str, Any] | Sequence[Any], *, using: str = "default"
) -> list[tuple[Any, ...]]:
    """Run one prepared statement on Django's connection and return all its rows."""
    return send_prepared(sql, params, using=using)()


def send_prepared(
    sql: str, params: Mapping[str, Any] | Sequence[Any], *, using: str = "default"
) -> Callable[[], list[tuple[Any, ...]]]:
    """Run one prepared statement; what is returned gives all its rows, once.

    In a pipelined scope or a ``read_scope`` the database works on it while the caller does something else.
    """
    connection = connections[using]
    connection.ensure_connection()
    raw = PreparedCursor(connection.connection)
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    cursor = wrap(raw)  # type: ignore[arg-type]  # any DB-API cursor will do
    cursor.execute(sql, params)

    def rows() -> list[tuple[Any, ...]]:
        with raw:
            return list(cursor.fetchall())

    return rows


def run_sql_file(path: Path) -> migrations.RunSQL:
    """A migration step from ``NAME.sql`` and, for the way back, ``NAME.down.sql`` beside it."""
    return migrations.RunSQL(path.read_text(), path.with_suffix(".down.sql").read_text())
