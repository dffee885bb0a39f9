"""What a ticket's number looks like in an address and in a form."""


class TicketNumber:
    """`T-1042`, and nothing else, so that no odd address gets as far as the database."""

    regex = "T-[0-9]{1,18}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
