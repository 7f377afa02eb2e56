from django.contrib.auth.management import create_permissions
from django.db import migrations

# A curator has memories consolidated and undoes it; a viewer looks.
SEEN = ("note", "consolidationrun")


def let_groups(apps, schema_editor):
    app = apps.get_app_config("memories")
    app.models_module = True
    create_permissions(app, using=schema_editor.connection.alias, apps=apps, verbosity=0)
    app.models_module = None
    Group = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    Permission = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    ours = Permission.filter(content_type__app_label="memories")
    seen = [f"view_{name}" for name in SEEN]
    Group.get(name="viewer").permissions.add(*ours.filter(codename__in=seen))
    Group.get(name="curator").permissions.add(*ours.filter(codename__in=[*seen, "change_consolidationrun"]))


class Migration(migrations.Migration):
    dependencies = [("memories", "0007_notes")]

    operations = [migrations.RunPython(let_groups, migrations.RunPython.noop)]
