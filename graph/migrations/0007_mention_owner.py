from pathlib import Path

from django.db import migrations, models

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("graph", "0006_projection"),
        ("memories", "0006_read_job"),
    ]

    operations = [
        migrations.AddField(
            model_name="mention",
            name="owner",
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
        run_sql_file(SQL / "mention_owner.sql"),
        migrations.AddIndex(
            model_name="mention",
            index=models.Index(fields=["tenant", "entity", "owner", "memory"], name="mention_by_owner"),
        ),
    ]
