from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("graph", "0010_read_ends_again")]

    operations = [
        migrations.AddField(
            "relation", "misread_of", models.CharField(blank=True, db_default="", max_length=64)
        ),
    ]
