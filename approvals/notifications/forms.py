"""Webhook endpoints, checked before they are kept."""

import re

from django import forms
from django.core.exceptions import ValidationError

from approvals.models import WebhookEndpoint
from approvals.notifications.webhook import PREFIX
from supportagent import addresses

NAME_OF_A_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


class WebhookEndpointForm(forms.ModelForm):
    """One endpoint. Whether its name resolves to a public number is asked at every connection, not here."""

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "url", "enabled", "teams", "secret", "next_secret")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            addresses.check(url)
        except addresses.AddressRefused as refused:
            raise ValidationError(str(refused)) from None
        return url

    def clean_secret(self) -> str:
        return self._named("secret")

    def clean_next_secret(self) -> str:
        return self._named("next_secret")

    def _named(self, field: str) -> str:
        name: str = self.cleaned_data[field]
        if name.startswith(PREFIX):
            raise ValidationError(
                "That is a secret itself, and must be changed now. Write the name of its variable here."
            )
        if name and not NAME_OF_A_VARIABLE.fullmatch(name):
            raise ValidationError("Write the name of an environment variable, like WEBHOOK_SECRET_CRM.")
        return name
