"""The mail backend of a machine without a mail server: shows what would be sent, in a few lines."""

from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.console import EmailBackend


class BriefBackend(EmailBackend):
    """Prints the recipient, the subject and the text; Django's own prints every part and header."""

    def write_message(self, message: EmailMessage) -> None:
        lines: list[Any] = [f"Mail to {', '.join(message.recipients())}: {message.subject}"]
        lines += [f"  {line}" for line in str(message.body).strip().splitlines() if line.strip()]
        self.stream.write("\n".join(map(str, lines)) + "\n")
