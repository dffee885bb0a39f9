"""Why the shop declines. Each is definite: nothing was executed, and the reason may be shown to the model."""

from supportagent.grants.server import ToolRefusal


class StoreRefusal(ToolRefusal):
    """The root of the shop's refusals; `code` is stable, `message` is for reading."""


class NotFound(StoreRefusal):
    """No such record among this customer's. Another customer's record gets the very same answer."""

    def __init__(self, message: str) -> None:
        super().__init__("not_found", message)


class RefundRefused(StoreRefusal):
    """currency_mismatch, amount_not_positive, above_refundable, not_refundable or nothing_captured."""


class CancellationRefused(StoreRefusal):
    """code: already_cancelled | already_shipped."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


class InvalidDetails(StoreRefusal):
    """A new e-mail, phone, address or billing detail cannot be accepted; the message names the field."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_details", message)


class KeyConflict(StoreRefusal):
    """The idempotency key was used for something else: never a retry, always an alarm."""

    def __init__(self, key: str) -> None:
        super().__init__("key_conflict", f"the key {key} was already used with other arguments")
