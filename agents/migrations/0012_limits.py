from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery, Sum


def count_what_runs_cost(apps, schema_editor):
    """Until now a run counted only its replies; attempts that failed were charged to its budgets alone."""
    Run, Spend = apps.get_model("agents", "Run"), apps.get_model("agents", "Spend")
    charged = Spend.objects.filter(run=OuterRef("pk")).order_by().values("run").annotate(total=Sum("charged"))
    Run.objects.filter(Q(pk__in=Spend.objects.values("run"))).update(cost_micros=Subquery(charged.values("total")))


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_economics")]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(condition=Q(ended_because="loop"), fields=["finished_at"], name="runs_that_looped"),
        ),
        migrations.RunPython(count_what_runs_cost, migrations.RunPython.noop),
    ]
