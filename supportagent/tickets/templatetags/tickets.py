"""Customer text in templates: rendered to a small safe subset, or with its hidden characters shown."""

from django import template
from django.utils.safestring import SafeString

from supportagent.tickets import rendering

register = template.Library()


@register.filter
def render_message(body: str) -> SafeString:
    """A message as customers and colleagues see it."""
    return rendering.render_message(body)


@register.filter
def escape_hidden(text: str) -> str:
    """Untrusted text for staff: what could hide or deceive is written out."""
    return rendering.escape_hidden(text)
