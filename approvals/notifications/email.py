"""Mail to a person: a few lines and a link, as text and as simple HTML."""

import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from approvals.models import Delivery
from approvals.notifications.failure import SendingFailed
from approvals.notifications.topics import topic_of


def send(delivery: Delivery) -> None:
    """Hand the mail to the mail server. Raises SendingFailed."""
    try:
        mail.get_connection(timeout=settings.EMAIL_TIMEOUT).send_messages([compose(delivery)])
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [int(code) for code, _ in refused.recipients.values()]
        problem = f"the mail server refuses the recipient: {max(codes)}"
        raise SendingFailed(problem, final=min(codes) >= 500) from None
    except smtplib.SMTPDataError as refused:
        problem = f"the mail server refuses the mail: {refused.smtp_code}"
        raise SendingFailed(problem, final=refused.smtp_code >= 500) from None
    except smtplib.SMTPResponseException as refused:
        # Log-in, greeting, sender: true for every mail.
        problem = f"the mail server refuses us: {type(refused).__name__} {refused.smtp_code}"
        raise SendingFailed(problem, server_away=True) from None
    except OSError as error:  # smtplib's other exceptions too
        raise SendingFailed(f"the mail server: {type(error).__name__}", server_away=True) from None
    except ValueError as error:
        raise SendingFailed(f"no mail can be made of it: {type(error).__name__}", final=True) from None


def compose(delivery: Delivery) -> EmailMultiAlternatives:
    """The same mail on every attempt: one Message-ID, and one thread for all mails about one thing."""
    content = topic_of(delivery.notice).content(delivery.notice)
    assert delivery.recipient is not None  # noqa: S101 - the outbox gives this channel people only
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    thread = f"<{delivery.notice.topic}-{delivery.notice.thing}@{host}>"
    message = EmailMultiAlternatives(
        subject=f"{content.headline}: {content.title}",
        body=render_to_string("approvals/notifications/mail.txt", {"content": content}),
        to=[delivery.recipient.email],
        headers={
            "Message-ID": f"<{delivery.key}@{host}>",
            "References": thread,
            "In-Reply-To": thread,
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("approvals/notifications/mail.html", {"content": content}), "text/html")
    return message
