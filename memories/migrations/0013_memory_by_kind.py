from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("memories", "0012_read_revision")]

    operations = [
        migrations.AddIndex(
            "memory",
            models.Index(
                name="memory_by_kind",
                fields=["tenant", "kind", "id"],
                condition=models.Q(kind="message", _negated=True),
            ),
        ),
    ]
