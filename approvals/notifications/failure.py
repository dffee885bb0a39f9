"""How sending can fail, by what is to be done next."""


class SendingFailed(Exception):
    """A message did not go out; the text names neither addresses nor secrets, and is kept.

    `final`: trying again cannot help. `server_away`: what waits for the same server need not be tried now.
    """

    def __init__(self, problem: str, *, final: bool = False, server_away: bool = False) -> None:
        super().__init__(problem)
        self.final = final
        self.server_away = server_away
