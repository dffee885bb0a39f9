"""Form fields of the admin that take what people type and refuse it in words."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

MICROS = 1_000_000
LARGEST_AMOUNT = Decimal(1_000_000_000)
JSON_LIMIT = 20_000  # characters


class MicrosField(forms.DecimalField):
    """An amount of money as people write it (`0.50`), kept in integer micro-units (`500000`)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}))
        super().__init__(min_value=0, max_value=LARGEST_AMOUNT, decimal_places=6, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{(Decimal(value) / MICROS).normalize():f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        return None if amount is None else int(amount * MICROS)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True


class StrictJSONField(forms.JSONField):
    """JSON as text. What the parser or the database cannot hold is refused in words, never with an error page.

    `empty` makes the value of an empty box.
    """

    def __init__(self, *, empty: Callable[[], Any], **kwargs: Any) -> None:
        self.empty = empty
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}))
        super().__init__(required=False, **kwargs)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed is shown again as it was typed, however broken."""
        return InvalidJSONInput(data or "")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return json.dumps(self.empty() if value is None else value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > JSON_LIMIT:
            raise ValidationError(_("Longer than %(limit)d characters."), params={"limit": JSON_LIMIT})
        try:
            parsed = super().to_python(value)
            text = json.dumps(parsed, ensure_ascii=False, allow_nan=False)
            text.encode()
        except (ValueError, RecursionError):
            # Too deep, a number with thousands of digits, NaN or half of a character pair.
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        if "\\u0000" in text:
            raise ValidationError(_("Text may not contain a NUL character."), code="invalid")
        return self.empty() if parsed is None else parsed
