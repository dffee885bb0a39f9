import secrets

from django.db import migrations, models


def open_the_book(apps, schema_editor):
    """The one row; an installation that has rules already may have it."""
    book = apps.get_model("approvals", "RuleBook")
    book.objects.bulk_create([book(pk=1, version=1)], ignore_conflicts=True)
    book.objects.filter(pk=1).update(stamp=secrets.token_hex(16))


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0004_governed_execution"),
    ]

    operations = [
        migrations.AddField(
            model_name="rulebook",
            name="stamp",
            field=models.CharField(default="", editable=False, max_length=32),
        ),
        migrations.RunPython(open_the_book, migrations.RunPython.noop),
    ]
