from django.contrib.auth.management import create_permissions
from django.db import migrations

# A curator names entities, says which are one and has memories read again; a viewer looks.
SEEN = ("entity", "doubt", "merge", "readjob")


def let_groups(apps, schema_editor):
    for label in ("graph", "memories"):
        app = apps.get_app_config(label)
        app.models_module = True
        create_permissions(app, using=schema_editor.connection.alias, apps=apps, verbosity=0)
        app.models_module = None
    Group = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    Permission = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    ours = Permission.filter(content_type__app_label__in=["graph", "memories"])
    seen = [f"view_{name}" for name in SEEN]
    Group.get(name="viewer").permissions.add(*ours.filter(codename__in=seen))
    Group.get(name="curator").permissions.add(
        *ours.filter(codename__in=[*seen, *(f"change_{name}" for name in SEEN)])
    )


class Migration(migrations.Migration):
    dependencies = [("graph", "0002_cascades"), ("memories", "0006_read_job")]

    operations = [migrations.RunPython(let_groups, migrations.RunPython.noop)]
