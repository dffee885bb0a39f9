"""What a ticket verb may refuse, by what the caller can do about it."""

from typing import Any

from django.core.exceptions import PermissionDenied


class TicketError(Exception):
    """A refusal by the business rules; nothing was changed. `code` is stable, the text is for people."""

    code = "ticket_error"
    status = 400


class InvalidMessage(TicketError):
    """Nothing readable in it, or a field outside its vocabulary: correct the input (422)."""

    code = "invalid_message"
    status = 422


class MessageTooLong(InvalidMessage):
    """Over the limit: shorten it (413)."""

    code = "message_too_long"
    status = 413

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"The text has {length} characters; at most {limit} are accepted.")
        self.length = length
        self.limit = limit


class DuplicateMessage(TicketError):
    """The same client message id came with another text: the first one stands (409)."""

    code = "duplicate_message"
    status = 409


class Conflict(TicketError):
    """Somebody else was first: look again. `by` is the User who was, or None when no person was (409)."""

    code = "conflict"
    status = 409

    def __init__(self, message: str, by: Any = None) -> None:
        super().__init__(message)
        self.by = by


class NotYours(TicketError, PermissionDenied):
    """Visible perhaps, but not the caller's to act on: another holder, another customer, another team (403)."""

    code = "not_yours"
    status = 403
