from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("graph", "0008_fill_mention_owner")]

    operations = [
        migrations.AddField("relation", "ends_since", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "relation", "taken_back_by", models.CharField(blank=True, db_default="", max_length=200)
        ),
        migrations.AddIndex("merge", models.Index(fields=["tenant", "id"], name="merge_by_id")),
        migrations.AddIndex(
            "doubt",
            models.Index(condition=models.Q(("state", "open")), fields=["tenant", "id"], name="doubt_open"),
        ),
    ]
