"""The orders that the conversations are about, with the money that agents sent back."""

from collections.abc import Iterable

from agents.models import ToolCall
from supportagent.demo.history.book import Book
from supportagent.demo.history.house import House
from supportagent.demo.history.plan import Conversation
from supportagent.demo.seed_data.orders import SeedOrder
from supportagent.demo.seed_data.people import SAMPLE_CUSTOMERS
from supportagent.demo.seed_data.write_shop import write_accounts, write_orders

REFUND, CANCEL = "store__issue_refund", "store__cancel_order"


def write(book: Book, house: House, told: Iterable[Conversation]) -> None:
    """Call inside `audit.log.transaction()`."""
    done = {
        call.subject: call
        for call in book.of(ToolCall)
        if call.name in (REFUND, CANCEL) and call.state == ToolCall.State.SUCCEEDED
    }
    write_accounts(SAMPLE_CUSTOMERS, house.now)
    orders = [_order(it, done.get(f"order:{it.order}"), house) for it in told if it.is_about_order]
    write_orders(orders, house.now)


def _order(it: Conversation, call: ToolCall | None, house: House) -> SeedOrder:
    """Delivered by now, unless an agent cancelled it."""
    ago = (house.now - it.at).days
    status, placed = "delivered", ago + 9
    refunds: tuple[tuple[int, int], ...] = ()
    if call is not None:
        refunds = ((call.amount_minor or it.amount_minor, ago),)
    if call is not None and call.name == CANCEL:
        status, placed = "cancelled", ago + 1
    return SeedOrder(it.order, it.customer.reference, status, placed, ((it.sku, 1),), refunds=refunds)
