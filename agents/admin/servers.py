"""What an admin asks of an imported server from its page: whether it answers, and to take over its tools.

Both talk to the network, so they run outside of the admin's gate and of every transaction. They loosen nothing: a test
changes nothing, and an import only brings tools that are switched off, and switches off those that changed.
"""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, path

from agents.mcp import importing
from agents.mcp.errors import NotExecuted
from audit.context import Actor
from supportagent.console.gate import ungated
from supportagent.tools import definitions
from supportagent.tools.admin import MCPServerAdmin
from supportagent.tools.models import MCPServer, Tool

BUILT_IN = "This server is part of the installation: its tools come with the code, by manage.py sync_mcp_tools."
SHOWN = 100


@dataclass
class Found:
    """What the server answered, in words. `problem` is why it could not be asked."""

    title: str
    problem: str = ""
    sentences: list[str] = field(default_factory=list)
    to_review: list[Tool] = field(default_factory=list)
    changed: list[Tool] = field(default_factory=list)
    gone: list[Tool] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


admin.site.unregister(MCPServer)


@admin.register(MCPServer)
class ConnectedServerAdmin(MCPServerAdmin):
    change_form_outer_before_template = "agents/server_acts.html"

    def get_urls(self) -> list[URLPattern]:
        acts = [
            path(f"<int:pk>/{verb}/", self.admin_site.admin_view(ungated(self._asks(verb))), name=f"mcpserver_{verb}")
            for verb in ("test", "import")
        ]
        return [*acts, *super().get_urls()]

    def _asks(self, verb: str) -> Any:
        def view(request: HttpRequest, pk: int) -> HttpResponse:
            return self.ask(request, pk, verb)

        return view

    def ask(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """One click; answers 422 with the page where the server is not one to be asked, or does not answer."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        server = self.get_object(request, str(pk))
        if server is None:
            raise Http404
        if not self.has_change_permission(request, server):
            raise PermissionDenied
        title = f"{server.title}: {'connection tested' if verb == 'test' else 'tools imported'}"
        try:
            if server.transport == MCPServer.Transport.BUILTIN:
                raise NotExecuted("builtin", BUILT_IN)
            found = _test(server, title) if verb == "test" else _import(server, title, Actor.of(request.user))
        except NotExecuted as problem:
            found = Found(f"{server.title} could not be asked", problem=problem.message)
        context = {
            **self.admin_site.each_context(request),
            "title": found.title,
            "opts": self.model._meta,
            "server": server,
            "found": found,
        }
        return render(request, "agents/server_answer.html", context, status=422 if found.problem else 200)


def _test(server: MCPServer, title: str) -> Found:
    greeting = importing.try_connection(server)
    name = definitions.visible(f"{greeting.name} {greeting.version}".strip()) or "a server without a name"
    known = dict(server.tools.values_list("name", "definition_hash"))
    offered = {one["name"] for one in greeting.definitions}
    return Found(
        title,
        sentences=[
            f"It answered as {name}, protocol {greeting.protocol or 'unknown'}.",
            f"It offers {len(offered)} tools; {len(offered & known.keys())} of them are imported.",
            "Nothing was called and nothing was changed.",
        ],
    )


def _import(server: MCPServer, title: str, actor: Actor) -> Found:
    report = importing.import_tools(server, actor=actor)
    changed = [tool for tool, _ in report.changed]
    return Found(
        title,
        sentences=[
            f"{len(report.new)} new, {len(changed)} changed, {len(report.gone)} gone, "
            f"{len(report.refused)} not imported.",
            "What is new or changed is switched off until it was reviewed: no model sees it.",
        ],
        to_review=report.new[:SHOWN],
        changed=changed[:SHOWN],
        gone=report.gone[:SHOWN],
        refused=[(definitions.visible(name), because) for name, because in report.refused[:SHOWN]],
    )
