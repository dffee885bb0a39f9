from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.mcp import importing
from agents.mcp.discovery import sync_builtin_servers
from agents.mcp.errors import NotExecuted
from supportagent.tools.models import MCPServer


class Command(BaseCommand):
    help = (
        "Import the tools of the built-in servers, or of one imported server, and pin their definitions. "
        "A tool of an imported server comes in switched off; an admin reviews it and switches it on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("server", nargs="?", help="name of an imported server; without it, the built-in ones")

    def handle(self, **options: Any) -> None:
        if options["server"]:
            self._import(options["server"])
            return
        changed = sync_builtin_servers()
        for tool in changed:
            self.stdout.write(f"pinned {tool.qualified_name} {tool.definition_hash[:12]}")
        self.stdout.write(f"{len(changed)} definitions are new or changed")

    def _import(self, name: str) -> None:
        servers = MCPServer.objects.exclude(transport=MCPServer.Transport.BUILTIN)
        server = servers.filter(name=name).first()
        if server is None:
            there = ", ".join(servers.values_list("name", flat=True)) or "there is none yet"
            raise CommandError(f"no imported server is called {name} ({there})")
        try:
            report = importing.import_tools(server)
        except NotExecuted as problem:
            raise CommandError(f"{name} could not be asked: {problem.message}") from None
        for tool in report.new:
            self.stdout.write(f"new, switched off: {tool.qualified_name} {tool.definition_hash[:12]}")
        for tool, lines in report.changed:
            self.stdout.write(f"changed, switched off: {tool.qualified_name} {tool.definition_hash[:12]}\n{lines}")
        for tool in report.gone:
            self.stdout.write(f"offered no longer, switched off: {tool.qualified_name}")
        for refused, because in report.refused:
            self.stderr.write(f"not imported: {refused!a}: {because}")
        self.stdout.write(
            f"{len(report.new)} new, {len(report.changed)} changed, {len(report.gone)} gone, "
            f"{len(report.refused)} not imported"
        )
