from typing import Any

from django.core.management.base import BaseCommand, CommandError

from supportagent.staff import roles


class Command(BaseCommand):
    help = "Make the built-in roles and their permissions equal to the code; roles of your own stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = roles.sync_roles()
        except (roles.MissingPermissions, roles.NameTaken) as error:
            raise CommandError(str(error)) from error
        for role, count in counts.items():
            self.stdout.write(f"{role}: {count} permissions")
