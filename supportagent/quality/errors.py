"""Why a label was not taken, by what the labeller can do next."""


class LabelRefused(Exception):
    """Base of the reasons; `status` is the HTTP status of the answer."""

    status = 400


class InvalidLabel(LabelRefused):
    """A field is missing or not usable; `field` names it."""

    status = 422

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class AlreadyLabelled(LabelRefused):
    """This very person has labelled it before; that label stands."""

    status = 409


class NotForYou(LabelRefused):
    """Outside the person's view, or something they had a hand in."""

    status = 404
