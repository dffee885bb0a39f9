"""What can become of a call that has no plain answer.

A built-in server that exists raises none of these: its receipt says what happened.
"""

UNAUTHORIZED = "unauthorized"  # the code of what a server refused because of its token, before the call was sent


class NotExecuted(Exception):
    """Certainly nothing was done, and the same call may be made again.

    Only where that is proved: no connection came about, we refused it ourselves, or a server whose errors are
    trusted said that the method or its parameters are wrong. `code` is one word, `message` may be shown to people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class DefinitionChanged(NotExecuted):
    """The server offers the tool no longer as it was reviewed, so the write was not sent."""

    def __init__(self, message: str) -> None:
        super().__init__("definition_changed", message)


class OutcomeUnknown(Exception):
    """At least one byte may have arrived, and nothing proves what happened after that.

    `late` is true where the answer is still being listened for; if it comes, it goes to
    `agents.outcomes.note_late`. `evidence` holds what is known, for the person who looks: JSON, without secrets.
    """

    def __init__(self, message: str, *, late: bool = False, evidence: dict | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.late = late
        self.evidence = evidence or {}
