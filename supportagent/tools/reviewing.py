"""Forms of the admin for what is imported: a server's address, and the review of a tool."""

import copy
import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from supportagent import addresses
from supportagent.console.fields import StrictJSONField
from supportagent.tools import review
from supportagent.tools.models import MCPServer, Tool

# What an admin says about an imported tool; everything else comes from its server.
REVIEWED = (
    "tool_class",
    "impact",
    "reversible",
    "requires_verified",
    "host_only",
    "facts_tool",
    "check_tool",
    "check_fields",
    "subject_argument",
    "amount_argument",
    "currency_argument",
    "destination_arguments",
    "bound_arguments",
    "timeout_seconds",
    "reconcile_tool",
    "reconcile_when",
    "what_to_check",
)
CREDENTIAL = re.compile(r"MCP_[A-Z0-9_]{1,70}")
MAX_WORDS, MAX_WORD = 40, 500


class ReviewForm(forms.ModelForm):
    """The review of an imported tool. Whatever it says must fit together, except in a tool that is switched off."""

    bound_arguments = StrictJSONField(
        empty=dict,
        label="Arguments set by the host",
        help_text='Hidden from the model. Argument: source, for example {"idempotency_key": "call"}. '
        "Sources: ticket, team, customer, run, call (the same on every retry).",
    )
    destination_arguments = StrictJSONField(
        empty=list, help_text='For example ["email"]. Addresses by format count too.'
    )
    check_fields = StrictJSONField(empty=list, help_text="Fields of the result that the check must confirm.")
    reconcile_when = StrictJSONField(
        empty=list,
        help_text='Conditions, for example [{"path": "after.refunds", "op": "contains", '
        '"with": {"reference": "arguments.reference"}}]. Operators: eq, ne, lt, lte, gt, gte, contains.',
    )

    class Meta:
        model = Tool
        fields = ("enabled", *REVIEWED)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.instance.effect = Tool.Effect.READ if cleaned.get("tool_class") == Tool.Repeat.READ else Tool.Effect.WRITE
        if self.errors or not self._matters(cleaned):
            return cleaned
        reviewed = copy.copy(self.instance)
        for name in (*REVIEWED, "enabled"):
            setattr(reviewed, name, cleaned[name])
        named = Tool.objects.select_related("server").filter(qualified_name__in=review.reads_named(reviewed))
        for field, sentence in review.problems(reviewed, {tool.qualified_name: tool for tool in named}):
            self.add_error(field, sentence)
        return cleaned

    def _matters(self, cleaned: dict[str, Any]) -> bool:
        """A tool can be switched off whatever else is wrong with it."""
        return bool(cleaned.get("enabled")) or any(name in self.changed_data for name in REVIEWED)


class ServerForm(forms.ModelForm):
    """A server, and how it is reached."""

    # Not a URLField: that one knows no hosts of an own network, which a setting may allow.
    url = forms.CharField(
        label="URL", required=False, max_length=500, help_text="Of its MCP endpoint.", widget=UnfoldAdminTextInputWidget
    )
    command = StrictJSONField(
        empty=list, help_text='Program and arguments, for example ["/usr/bin/bank-mcp", "--eu"]. No shell reads them.'
    )

    class Meta:
        model = MCPServer
        fields = ("name", "title", "enabled", "transport", "url", "command", "credential", "trusted_for_errors")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # how it is reached was chosen when it was added
            for name, transport in (("url", MCPServer.Transport.HTTP), ("command", MCPServer.Transport.STDIO)):
                if self.instance.transport != transport:
                    del self.fields[name]
        if choice := self.fields.get("transport"):
            choice.choices = [  # type: ignore[attr-defined]
                (value, label) for value, label in MCPServer.Transport.choices if value != MCPServer.Transport.BUILTIN
            ]

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "url"}  # type: ignore[misc]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in settings.MCP_SERVERS:
            raise ValidationError("A built-in server has this name.")
        if "__" in name or not name.isascii():
            raise ValidationError("A double underscore separates servers from tools; write the name without one.")
        return name

    def clean_credential(self) -> str:
        name: str = self.cleaned_data["credential"]
        if name and not CREDENTIAL.fullmatch(name):
            raise ValidationError("The name of an environment variable that begins with MCP_, in capitals.")
        return name

    def clean_command(self) -> list[str]:
        command = self.cleaned_data["command"]
        if not isinstance(command, list) or not all(isinstance(word, str) and word for word in command):
            raise ValidationError('Write a list of texts, for example ["/usr/bin/bank-mcp", "--eu"].')
        if len(command) > MAX_WORDS or any(len(word) > MAX_WORD for word in command):
            raise ValidationError(f"At most {MAX_WORDS} words of {MAX_WORD} characters.")
        return command

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        transport = cleaned.get("transport") or self.instance.transport
        if transport == MCPServer.Transport.HTTP and "url" in cleaned:
            self._check_url(cleaned["url"])
        if transport == MCPServer.Transport.STDIO and "command" in cleaned:
            self._check_command(cleaned["command"])
        if transport != MCPServer.Transport.HTTP and cleaned.get("url"):
            self.add_error("url", "Only a server that is reached by HTTP has an address.")
        if transport != MCPServer.Transport.STDIO and cleaned.get("command"):
            self.add_error("command", "Only a server that is a process of its own has a command.")
        return cleaned

    def _check_url(self, url: str) -> None:
        """Without the network, which must not hold up a transaction; what the name leads to is checked at each call."""
        try:
            addresses.check(url)
        except addresses.AddressRefused as refusal:
            self.add_error("url", str(refusal))

    def _check_command(self, command: list[str]) -> None:
        if not settings.MCP_STDIO:
            self.add_error("command", "SUPPORTAGENT_MCP_STDIO is off: this installation runs no foreign programs.")
        elif not command:
            self.add_error("command", "Write the program and its arguments.")
