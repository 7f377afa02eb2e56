from pathlib import Path

from django.db import migrations

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("graph", "0007_mention_owner")]

    operations = [run_sql_file(SQL / "mention_owner_fill.sql")]
