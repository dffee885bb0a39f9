from django.apps import AppConfig


class ExplainConfig(AppConfig):
    name = "supportagent.explain"
    label = "explain"

    def ready(self) -> None:
        from supportagent.explain import navigation  # noqa: F401 - it registers on import
