"""What tickets tell the layers above. Each signal is sent inside the transaction of the verb that sends it.

Receivers insert rows and enqueue after commit; an exception in one rolls the verb back.
"""

from django.dispatch import Signal

message_received = Signal()
"""Somebody is waiting for an answer: `ticket`, `message` (kind CUSTOMER, or the NOTE of a hand-back)."""

ticket_taken_over = Signal()
"""A person claimed the ticket: `ticket`, `by` (User). A running turn's output is to be discarded."""

ticket_ended = Signal()
"""A person closed the ticket or merged it into another: `ticket`, `by` (User), `why` ("closed", "merged").
Whatever an agent still does on it is void."""

reply_posted = Signal()
"""The customer has an answer: `ticket`, `message` (kind AGENT or PERSON)."""
