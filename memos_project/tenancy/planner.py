"""What PostgreSQL's planner takes a tenant for: a twentieth of a table's rows, whatever it counts.

With statistics gathered it would look up the tenant that is set, take one that has grown since for empty, and read all
of it where one row was meant, which has an index of its own; a prepared plan would do so for every tenant. A twentieth
is too much for that, and too little for reading the whole table instead.

It also expects to meet some row of a tenant among the first twenty: who wants the first few of a tenant's rows, or
whether there is one, must ask for them in the order of an index that begins with the tenant, or everybody's are read.
"""

from pathlib import Path
from typing import Any

from django.db import connections

TENANT_SIZES = (Path(__file__).parent / "sql" / "tenant_sizes.sql").read_text()


def assume_tenant_sizes(*, using: str, **kwargs: Any) -> None:
    """Tell the planner, after every ``migrate``: there may be new tables, and a restored dump brings no statistics."""
    with connections[using].cursor() as cursor:
        cursor.execute(TENANT_SIZES)
