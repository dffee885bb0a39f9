"""`python -m tests.approvals.sender_process`: send what is due, once, in a process of its own."""

import django

django.setup()

from approvals.notifications.outbox import send_due  # noqa: E402

send_due()
