"""What is known about the one `tools/call` of an attempt, whichever way it travels."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Trip:
    """`sent` turns true immediately before the first byte leaves, and never back: from then on nothing is certain.

    `problem` says why there is no answer. `error` is an error that the server itself gave: code and message.
    """

    on_sent: Callable[[], None] = lambda: None
    begun: bool = False
    sent: bool = False
    problem: str = ""
    error: tuple[int, str] | None = None
    unauthorized: bool = False  # the server answered 401 on the way
    refused: bool = field(default=False)  # by ourselves: trying again changes nothing

    def begin(self) -> bool:
        """Claim the one request; false for a second one, which must not leave."""
        if self.begun:
            return False
        self.begun = True
        return True

    def leaves(self) -> None:
        """The next thing that happens is the first byte."""
        if not self.sent:
            self.sent = True
            self.on_sent()

    def fail(self, problem: str, *, refused: bool = False) -> None:
        """Note why there is no answer; what was noted first stays."""
        if not self.problem:
            self.problem, self.refused = problem, refused
