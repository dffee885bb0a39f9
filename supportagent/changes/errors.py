"""What can stand against a decision about a change. Each names its HTTP status."""

from supportagent.changes.models import ProposedChange


class ChangeError(Exception):
    """The decision was not taken; the message is for the person who wanted it."""

    status = 422


class NotAllowed(ChangeError):
    """This person may not decide this change."""

    status = 403


class AlreadyDecided(ChangeError):
    """Somebody was faster."""

    status = 409


class ChangedSinceShown(ChangeError):
    """The page showed something else than what is stored."""

    status = 409


class Stale(ChangeError):
    """The rows are not any more what they were when the change was proposed; it must be proposed again."""

    status = 409


def already_decided(change: ProposedChange) -> AlreadyDecided:
    by = f" by {change.decided_by.display_name}" if change.decided_by else ""
    return AlreadyDecided(f"{change.reference} is {change.get_state_display().lower()}{by}; nothing was done again.")
