"""What an admin does with an imported server on its page: test it, import its tools, close its circuit; and its health.

Test and import talk to the network, so they run outside of the admin's gate and of every transaction. They loosen
nothing: a test changes nothing, and an import only brings tools that are switched off, and switches off those that
changed. A closed circuit lets pass what the gate lets pass.
"""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from agents.mcp import importing
from agents.mcp.errors import NotExecuted
from agents.models import ToolCall
from audit.context import Actor
from supportagent.console.gate import ungated
from supportagent.tools import definitions, health
from supportagent.tools.admin import MCPServerAdmin
from supportagent.tools.models import MCPServer, ServerHealth, Tool

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
            for verb in ("test", "import", "close")
        ]
        return [*acts, *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        server = self.get_object(request, object_id) if object_id and request.method == "GET" else None
        shown = {"health": _health(server)} if server and server.transport != MCPServer.Transport.BUILTIN else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _close(self, request: HttpRequest, server: MCPServer) -> HttpResponse:
        """Let calls go to the server again at once. It gives nobody a right: the gate judges them as before."""
        closed = health.close(server, actor=Actor.of(request.user))
        words = "The circuit is closed: calls go out again." if closed else "The circuit was closed already."
        self.message_user(request, words)
        return redirect("admin:tools_mcpserver_change", server.pk)

    def _server(self, request: HttpRequest, pk: int) -> MCPServer:
        """The server that may be asked by this person. Raises Http404, PermissionDenied."""
        server = self.get_object(request, str(pk))
        if server is None:
            raise Http404
        if not self.has_change_permission(request, server):
            raise PermissionDenied
        return server

    def _asks(self, verb: str) -> Any:
        def view(request: HttpRequest, pk: int) -> HttpResponse:
            return self.ask(request, pk, verb)

        return view

    def ask(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """One click; answers 422 with the page where the server is not one to be asked, or does not answer."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        server = self._server(request, pk)
        if verb == "close":
            return self._close(request, server)
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


def _health(server: MCPServer) -> dict[str, Any]:
    """What the block above the form shows."""
    unknown = ToolCall.objects.filter(tool__server=server, state=ToolCall.State.OUTCOME_UNKNOWN)
    return {
        "words": health.in_words(server),
        "row": ServerHealth.objects.filter(pk=server.pk).first(),
        "spans": [
            ("the last hour", health.figures(server.pk, health.HOUR)),
            ("the last day", health.figures(server.pk, health.DAY)),
        ],
        "still_unknown": unknown.count(),
    }


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
