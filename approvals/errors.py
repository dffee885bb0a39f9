"""Why a decision was not taken, by what the person can do next."""


class DecisionRefused(Exception):
    """Base of all reasons; `status` is the HTTP status of the answer."""

    status = 400


class NotAllowed(DecisionRefused):
    """This person may see the request, but not decide it."""

    status = 403


class AlreadyDecided(DecisionRefused):
    """Somebody else was first, or the request has ended; the message says who or how."""

    status = 409


class ChangedSinceShown(DecisionRefused):
    """What was shown is not what would be approved any more."""

    status = 409


class RequestExpired(DecisionRefused):
    """The time to decide is over; nothing is executed."""

    status = 410


class InvalidDecision(DecisionRefused):
    """A field of the decision is missing or not usable; `field` names it."""

    status = 422

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class TooLate(DecisionRefused):
    """What was approved is being carried out already; it cannot be taken back any more."""

    status = 409


class OverLimit(DecisionRefused):
    """The amount is above what this person may approve; the request has gone on to those who may."""

    status = 403


class TooManyPending(DecisionRefused):
    """As many requests as may wait for one ticket, customer or agent do so; this one is not put before a person."""

    status = 429
