from typing import Any

from django.core.management.base import BaseCommand

from agents.mcp.discovery import sync_builtin_servers


class Command(BaseCommand):
    help = "Import the tools of the built-in domain servers and pin their definitions."

    def handle(self, **options: Any) -> None:
        changed = sync_builtin_servers()
        for tool in changed:
            self.stdout.write(f"pinned {tool.qualified_name} {tool.definition_hash[:12]}")
        self.stdout.write(f"{len(changed)} definitions are new or changed")
