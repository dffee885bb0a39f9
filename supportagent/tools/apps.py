from django.apps import AppConfig


class ToolsConfig(AppConfig):
    name = "supportagent.tools"
    label = "tools"
    default_auto_field = "django.db.models.BigAutoField"
