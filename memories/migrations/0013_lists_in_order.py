import django.db.models.deletion
from django.db import migrations, models


def _tenant() -> models.Field:
    """Its index begins another one."""
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.tenant"
    )


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
        migrations.AddIndex("auditentry", models.Index(name="auditentry_by_tenant", fields=["tenant", "id"])),
        migrations.AddIndex(
            "conversation", models.Index(name="conversation_by_tenant", fields=["tenant", "id"])
        ),
        migrations.AlterField("conversation", "tenant", _tenant()),
        migrations.AddIndex(
            "changecount", models.Index(name="changecount_in_order", fields=["tenant", "id"])
        ),
        migrations.AlterField("changecount", "tenant", _tenant()),
    ]
