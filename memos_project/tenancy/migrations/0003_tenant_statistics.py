"""For tables that were made when statistics of their tenants were still gathered; later ones are made so."""

from collections.abc import Callable
from typing import Any

from django.db import migrations

from memos_project.db import assumed_statistics, gathered_statistics

ISOLATED = """
SELECT DISTINCT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
"""


def _for_each(change: Callable[[str, str], str]) -> Callable[..., None]:
    def run(apps: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(ISOLATED)
            for (table,) in cursor.fetchall():
                cursor.execute(change(table, "tenant_id"))

    return run


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_authenticate")]

    operations = [migrations.RunPython(_for_each(assumed_statistics), _for_each(gathered_statistics))]
