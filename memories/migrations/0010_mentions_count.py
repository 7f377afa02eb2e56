from pathlib import Path

from django.db import migrations

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("memories", "0009_unread_tenants"), ("graph", "0006_projection")]

    operations = [run_sql_file(SQL / "mentions.sql")]
