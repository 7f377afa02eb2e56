from pathlib import Path

from django.db import migrations

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("memories", "0001_initial")]

    operations = [
        run_sql_file(SQL / "cascades.sql"),
        run_sql_file(SQL / "text_index.sql"),
        run_sql_file(SQL / "backlog.sql"),
        run_sql_file(SQL / "remember.sql"),
        run_sql_file(SQL / "changes.sql"),
    ]
