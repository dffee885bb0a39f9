"""The form in which an admin registers a server: how it is reached, and with which credentials."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from supportagent import addresses
from supportagent.console.fields import StrictJSONField
from supportagent.tools.models import CREDENTIAL, MCPServer

MAX_WORDS, MAX_WORD = 40, 500
OAUTH = (
    "oauth_token_url",
    "oauth_client_id",
    "oauth_client_auth",
    "oauth_scope",
    "oauth_resource",
    "oauth_audience",
)


class ServerForm(forms.ModelForm):
    """A server, and how it is reached."""

    # Not a URLField: that one knows no hosts of an own network, which a setting may allow.
    url = forms.CharField(
        label="URL", required=False, max_length=500, help_text="Of its MCP endpoint.", widget=UnfoldAdminTextInputWidget
    )
    command = StrictJSONField(
        empty=list, help_text='Program and arguments, for example ["/usr/bin/bank-mcp", "--eu"]. No shell reads them.'
    )

    oauth_token_url = forms.CharField(
        label="Token endpoint",
        required=False,
        max_length=500,
        help_text="For OAuth client credentials. Empty: the credential is a fixed bearer token, or there is none.",
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = MCPServer
        fields = (
            "name",
            "title",
            "enabled",
            "transport",
            "url",
            "command",
            "credential",
            *OAUTH,
            "trusted_for_errors",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # how it is reached was chosen when it was added
            for name, transport in (("url", MCPServer.Transport.HTTP), ("command", MCPServer.Transport.STDIO)):
                if self.instance.transport != transport:
                    del self.fields[name]
            if self.instance.transport != MCPServer.Transport.HTTP:
                for name in OAUTH:
                    self.fields.pop(name, None)
        if choice := self.fields.get("transport"):
            choice.choices = [  # type: ignore[attr-defined]
                (value, label) for value, label in MCPServer.Transport.choices if value != MCPServer.Transport.BUILTIN
            ]

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "url", "oauth_token_url"}  # type: ignore[misc]

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
        self._check_oauth(transport, cleaned)
        if transport != MCPServer.Transport.HTTP and cleaned.get("url"):
            self.add_error("url", "Only a server that is reached by HTTP has an address.")
        if transport != MCPServer.Transport.STDIO and cleaned.get("command"):
            self.add_error("command", "Only a server that is a process of its own has a command.")
        return cleaned

    def _check_oauth(self, transport: str, cleaned: dict[str, Any]) -> None:
        """A token endpoint needs a client; the parts of one without the other would be silently unused."""
        address = cleaned.get("oauth_token_url", "")
        if not address:
            if cleaned.get("oauth_client_id"):
                self.add_error("oauth_token_url", "A client id without the endpoint that knows it.")
            return
        if transport != MCPServer.Transport.HTTP:
            self.add_error("oauth_token_url", "Only a server that is reached by HTTP takes such tokens.")
            return
        try:
            addresses.check(address)
        except addresses.AddressRefused as refusal:
            self.add_error("oauth_token_url", str(refusal))
        if not cleaned.get("oauth_client_id"):
            self.add_error("oauth_client_id", "Which client asks for the token?")
        if "credential" in cleaned and not cleaned["credential"]:
            self.add_error("credential", "Name the variable that holds the client secret.")

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
