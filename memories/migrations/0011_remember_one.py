from pathlib import Path

from django.db import migrations

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("memories", "0010_mentions_count")]

    operations = [run_sql_file(SQL / "remember_one.sql")]
