"""A customer's threads, what was said in them, how they are sorted, and who answers next."""

from supportagent.tickets.models.customer import Customer
from supportagent.tickets.models.draft import Draft
from supportagent.tickets.models.hand_over import HandOver, Skill
from supportagent.tickets.models.message import Message, MessageQuerySet
from supportagent.tickets.models.rating import Rating, SkippedRating
from supportagent.tickets.models.ticket import TeamNotice, Ticket, TicketQuerySet
from supportagent.tickets.models.triage import Triage, TriageLabel
from supportagent.tickets.models.work import WorkPeriod

__all__ = [
    "Customer",
    "Draft",
    "HandOver",
    "Message",
    "MessageQuerySet",
    "Rating",
    "Skill",
    "SkippedRating",
    "TeamNotice",
    "Ticket",
    "TicketQuerySet",
    "Triage",
    "TriageLabel",
    "WorkPeriod",
]
