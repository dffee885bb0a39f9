"""The verbs of tickets. Each is one audited transaction that locks the ticket first.

Admin, pages, jobs and the MCP server all come in here. `actor` is the User who acts (a person or an agent's
service account, whose permission is checked) or `Actor.system(...)` for the house itself.

A signal is sent when nothing of the verb is left to write: its receivers may call verbs on the same ticket, and
the trail then reads in the order of cause and effect.
"""

from supportagent.tickets.services.closing import close, close_resolved, suggested_outcome
from supportagent.tickets.services.desk import categorise, notify_team, set_state
from supportagent.tickets.services.drafts import approve_draft, discard_draft, save_draft, send_draft
from supportagent.tickets.services.holding import complete_hand_over, hand_back, hand_over, take_over
from supportagent.tickets.services.inbound import open_ticket, receive_message
from supportagent.tickets.services.merging import merge
from supportagent.tickets.services.rating import rate, skip_rating, take_care
from supportagent.tickets.services.replies import add_note, post_event, post_reply
from supportagent.tickets.services.sorting import REASON_LIMIT, label_triage, sort_and_return, triage
from supportagent.tickets.services.suggesting import suggest_again
from supportagent.tickets.services.waiting import leave_contact, mark_overdue
from supportagent.tickets.services.working import seen_at_work

__all__ = [
    "REASON_LIMIT",
    "add_note",
    "approve_draft",
    "categorise",
    "close",
    "close_resolved",
    "complete_hand_over",
    "discard_draft",
    "hand_back",
    "hand_over",
    "label_triage",
    "leave_contact",
    "mark_overdue",
    "merge",
    "notify_team",
    "open_ticket",
    "post_event",
    "post_reply",
    "rate",
    "receive_message",
    "save_draft",
    "seen_at_work",
    "send_draft",
    "set_state",
    "skip_rating",
    "sort_and_return",
    "suggest_again",
    "suggested_outcome",
    "take_care",
    "take_over",
    "triage",
]
