"""What the widget's endpoints refuse: a status, a stable code for the frame and a sentence for its user."""

from typing import Any


class Refused(Exception):
    """Nothing was changed. `extra` joins the error object of the answer."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra


def unauthenticated() -> Refused:
    return Refused(401, "session_required", "Open a session first.")


def unknown_conversation() -> Refused:
    return Refused(404, "unknown_conversation", "There is no such conversation.")
