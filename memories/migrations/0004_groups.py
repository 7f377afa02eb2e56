from django.contrib.auth.management import create_permissions
from django.db import migrations

# A curator changes memories, a viewer looks.
SEEN = ("memory", "conversation", "auditentry", "indexjob", "embeddingmodel")


def make_groups(apps, schema_editor):
    app = apps.get_app_config("memories")
    app.models_module = True
    create_permissions(app, using=schema_editor.connection.alias, apps=apps, verbosity=0)
    app.models_module = None
    Group = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    Permission = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    ours = Permission.filter(content_type__app_label="memories")
    viewer, _ = Group.get_or_create(name="viewer")
    viewer.permissions.set(ours.filter(codename__in=[f"view_{name}" for name in SEEN]))
    curator, _ = Group.get_or_create(name="curator")
    may = [f"view_{name}" for name in SEEN] + [
        "change_memory",
        "delete_memory",
        "add_memory",
        "change_indexjob",
    ]
    curator.permissions.set(ours.filter(codename__in=may))


def drop_groups(apps, schema_editor):
    Group = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    Group.filter(name__in=["viewer", "curator"]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("memories", "0003_default_model"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, drop_groups)]
