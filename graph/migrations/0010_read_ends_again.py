from pathlib import Path

from django.db import migrations

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("graph", "0009_ends_since"), ("memories", "0012_read_revision")]

    operations = [run_sql_file(SQL / "ends_read_again.sql")]
