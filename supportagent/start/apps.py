from django.apps import AppConfig


class StartConfig(AppConfig):
    name = "supportagent.start"
    label = "start"

    def ready(self) -> None:
        from supportagent.start import navigation  # noqa: F401 - it registers on import
