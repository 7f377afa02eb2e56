from django.contrib.auth.management import create_permissions
from django.db import migrations

# A curator ends and confirms relations and says which names are another's; a viewer looks.
SEEN = ("relation", "split")


def let_groups(apps, schema_editor):
    app = apps.get_app_config("graph")
    app.models_module = True
    create_permissions(app, using=schema_editor.connection.alias, apps=apps, verbosity=0)
    app.models_module = None
    Group = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    Permission = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    ours = Permission.filter(content_type__app_label="graph")
    seen = [f"view_{name}" for name in SEEN]
    Group.get(name="viewer").permissions.add(*ours.filter(codename__in=seen))
    Group.get(name="curator").permissions.add(
        *ours.filter(codename__in=[*seen, *(f"change_{name}" for name in SEEN)])
    )


class Migration(migrations.Migration):
    dependencies = [("graph", "0004_spoken_names")]

    operations = [migrations.RunPython(let_groups, migrations.RunPython.noop)]
