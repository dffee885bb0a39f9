from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ConsoleConfig(AppConfig):
    name = "supportagent.console"
    label = "console"
    default = True
    default_auto_field = "django.db.models.BigAutoField"


class ConsoleAdminConfig(admin_apps.AdminConfig):
    """django.contrib.admin with our site as `admin.site`; needs `unfold.apps.BasicAppConfig` beside it,
    since Unfold's default config would replace the site again."""

    default_site = "supportagent.console.sites.ConsoleSite"
    default = False

    def ready(self) -> None:
        super().ready()
        # After autodiscovery, since the admin modules of other packages register themselves in it.
        from supportagent.console.adopted_admin import adopt

        adopt()
