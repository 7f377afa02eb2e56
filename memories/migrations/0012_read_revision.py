from pathlib import Path

from django.db import migrations, models

from memos_project.db import run_sql_file

SQL = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("memories", "0011_remember_one")]

    operations = [
        # For the way back, where there are jobs.
        migrations.AlterField("readjob", "content_hash", models.CharField(db_default="", max_length=64)),
        migrations.RemoveField("readjob", "content_hash"),
        migrations.AddField(
            "readjob",
            "revision",
            models.BigIntegerField(
                db_default=1,
                editable=False,
                help_text="Another one whenever it is to be read anew; from a sequence.",
            ),
        ),
        run_sql_file(SQL / "read_revision.sql"),
    ]
