from django.apps import AppConfig


class QualityConfig(AppConfig):
    name = "supportagent.quality"
    label = "quality"
    verbose_name = "Quality"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents import scheduler
        from supportagent.quality import audit_actions, navigation, state_checks  # noqa: F401 - they register on import
        from supportagent.quality.sampling import draw_due

        scheduler.register("items drawn to be labelled", 60, draw_due)
