from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "supportagent.demo"
    label = "demo"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.demo import checks  # noqa: F401 - registers what production refuses
