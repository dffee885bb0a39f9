from django.apps import AppConfig
from django.db.models.signals import post_migrate


class KnowledgeConfig(AppConfig):
    name = "supportagent.knowledge"
    label = "knowledge"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from supportagent.knowledge import audit_actions, navigation  # noqa: F401 - they register on import
        from supportagent.knowledge.index import ensure_index

        post_migrate.connect(ensure_index, sender=self, dispatch_uid="knowledge.index")
