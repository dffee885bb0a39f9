"""What customers of the past weeks wrote about, how often, and how such conversations ended.

Places in braces are filled from the conversation: `first`, `order`, `amount`, `item`.
"""

from typing import NamedTuple


class Ending:
    """How a conversation ends, and who has a part in it."""

    ALONE = "alone"  # agents answer, and that is it
    REOPENED = "reopened"  # the same, but the customer comes back within 72 hours
    APPROVED = "approved"  # a person lets the agent act
    EDITED = "edited"  # a person changes the amount, another one approves
    REJECTED = "rejected"  # a person says no, the agent tells the customer
    EXPIRED = "expired"  # nobody decides in time, and a person ends it
    DRAFTED = "drafted"  # a person sends the agent's draft as it is
    REDRAFTED = "redrafted"  # a person edits the agent's draft first
    HANDED = "handed"  # handed over, and a person ends it
    GIVEN_UP = "given_up"  # handed over, and not resolved
    BY_PERSON = "by_person"  # no agent works on it


class Story(NamedTuple):
    """`weight` is out of all the weights; `endings` are (ending, weight). `write` asks for an approval."""

    name: str
    weight: int
    category: str
    team: str
    agent: str
    subject: str
    asks: tuple[str, ...]
    answer: str
    endings: tuple[tuple[str, int], ...]
    reads: tuple[str, ...] = ()
    write: str = ""
    language: str = "en"
    mistaken_for: str = ""  # the category that agents sometimes take it for
    minutes: int = 8  # that a person takes for it


_E = Ending
_READ_ONLY = ((_E.ALONE, 76), (_E.REOPENED, 5), (_E.REDRAFTED, 4), (_E.HANDED, 5), (_E.BY_PERSON, 10))
_ACTED = (
    (_E.APPROVED, 64),
    (_E.REJECTED, 10),
    (_E.EXPIRED, 5),
    (_E.REDRAFTED, 4),
    (_E.HANDED, 7),
    (_E.BY_PERSON, 10),
)
_REFUNDED = ((_E.APPROVED, 45), (_E.EDITED, 14), (_E.REJECTED, 15), (_E.EXPIRED, 6), (_E.REDRAFTED, 4), (_E.HANDED, 6),
             (_E.BY_PERSON, 10))  # fmt: skip
_HARD = ((_E.ALONE, 34), (_E.REOPENED, 6), (_E.DRAFTED, 14), (_E.REDRAFTED, 12), (_E.HANDED, 18), (_E.GIVEN_UP, 4),
         (_E.BY_PERSON, 12))  # fmt: skip
_FOR_PEOPLE = ((_E.HANDED, 64), (_E.REDRAFTED, 10), (_E.GIVEN_UP, 10), (_E.BY_PERSON, 16))

STORIES = (
    Story(
        "status",
        19,
        "order_status",
        "orders",
        "triage",
        "Where is {order}?",
        (
            "Hello, where is my order {order}? I expected it earlier this week.",
            "Could you tell me when {order} arrives? The {item} is a present.",
        ),
        "Hello {first}, {order} with the {item} is on its way and should arrive within two working days.",
        _READ_ONLY,
        ("store__get_order",),
        minutes=5,
    ),
    Story(
        "status_de",
        5,
        "order_status",
        "orders",
        "triage",
        "Wo bleibt {order}?",
        ("Guten Tag, wo bleibt meine Bestellung {order}?", "Wann kommt {order} an? Ich warte auf den Versand."),
        "Hallo {first}, {order} ist unterwegs und sollte in zwei Werktagen ankommen.",
        _READ_ONLY,
        ("store__get_order",),
        language="de",
        minutes=6,
    ),
    Story(
        "status_fr",
        3,
        "order_status",
        "orders",
        "triage",
        "Où est {order} ?",
        ("Bonjour, où est ma commande {order} ?",),
        "Bonjour {first}, {order} est en route et devrait arriver sous deux jours ouvrables.",
        _READ_ONLY,
        ("store__get_order",),
        language="fr",
        minutes=6,
    ),
    Story(
        "status_es",
        3,
        "order_status",
        "orders",
        "triage",
        "¿Dónde está {order}?",
        ("Hola, ¿dónde está mi pedido {order}?",),
        "Hola {first}: {order} está en camino y debería llegar en dos días laborables.",
        _READ_ONLY,
        ("store__get_order",),
        language="es",
        minutes=6,
    ),
    Story(
        "product",
        11,
        "product_question",
        "orders",
        "triage",
        "A question about the {item}",
        (
            "Is the {item} safe for the dishwasher?",
            "Does the {item} work on an induction hob, and how much does it hold?",
            "What is the {item} made of?",
        ),
        "Hello {first}, our article on materials and care answers this: the {item} is fine for everyday use, and "
        "washing by hand keeps it good for longer.",
        _READ_ONLY,
        ("knowledge__search_articles",),
        mistaken_for="order_status",
        minutes=6,
    ),
    Story(
        "refund",
        13,
        "return_refund",
        "billing",
        "billing",
        "Refund for {order}",
        (
            "The {item} from {order} arrived damaged. I would like my money back, please.",
            "I returned {order} last week and wait for the refund of {amount}.",
        ),
        "Hello {first}, {amount} for {order} were refunded to the way you paid. Banks take up to five working days.",
        _REFUNDED,
        ("store__get_order", "store__list_payments"),
        "store__issue_refund",
        mistaken_for="payment",
        minutes=11,
    ),
    Story(
        "refund_de",
        3,
        "return_refund",
        "billing",
        "billing",
        "Erstattung für {order}",
        ("Der Artikel aus {order} kam beschädigt an. Ich möchte bitte mein Geld zurück.",),
        "Hallo {first}, {amount} für {order} wurden erstattet. Die Bank braucht bis zu fünf Werktage.",
        _REFUNDED,
        ("store__get_order", "store__list_payments"),
        "store__issue_refund",
        language="de",
        minutes=11,
    ),
    Story(
        "cancel",
        9,
        "cancellation",
        "orders",
        "orders",
        "Cancel {order}",
        (
            "Please cancel {order}, I ordered the {item} twice by mistake.",
            "I changed my mind about {order}. Can you still cancel it?",
        ),
        "Hello {first}, {order} is cancelled and {amount} go back to the way you paid.",
        _ACTED,
        ("store__get_order",),
        "store__cancel_order",
        mistaken_for="return_refund",
        minutes=8,
    ),
    Story(
        "address",
        5,
        "address_change",
        "orders",
        "orders",
        "New address",
        ("I have moved. Please send everything to my new address from now on.",),
        "Hello {first}, your new address is in your account.",
        _ACTED,
        ("store__get_customer",),
        "store__update_account",
        mistaken_for="account_change",
        minutes=7,
    ),
    Story(
        "exchange",
        5,
        "exchange",
        "orders",
        "orders",
        "Exchange of {order}",
        ("The {item} from {order} is too small. Can I have the larger one instead?",),
        "Hello {first}, send the {item} back with the label from your account; the larger one leaves once it is here.",
        _HARD,
        ("store__get_order", "knowledge__search_articles"),
        mistaken_for="return_refund",
        minutes=12,
    ),
    Story(
        "payment",
        8,
        "payment",
        "billing",
        "billing",
        "Payment of {order}",
        (
            "My bank shows two payments for {order}. Was I charged twice?",
            "Could you send me the invoice for {order}?",
        ),
        "Hello {first}, one payment of {amount} was taken for {order}. The other one was only reserved and falls away.",
        _READ_ONLY,
        ("store__list_payments", "store__get_invoice"),
        mistaken_for="return_refund",
        minutes=9,
    ),
    Story(
        "billing_details",
        3,
        "account_change",
        "billing",
        "billing",
        "Company name on the invoice",
        ("Please put our company name on the invoices from now on.",),
        "Hello {first}, your billing details are changed and stand on the next invoice.",
        _ACTED,
        ("store__get_customer",),
        "store__update_billing_details",
        minutes=9,
    ),
    Story(
        "fault",
        6,
        "technical",
        "technical",
        "technical",
        "The Brew app does not sync",
        (
            "The Brew app has not synced with my kettle since yesterday.",
            "The checkout shows an error when I want to pay.",
        ),
        "Hello {first}, our engineers know of this fault. Until it is mended, please restart the app and try again.",
        _HARD,
        ("engineering__get_service_logs", "knowledge__search_articles"),
        mistaken_for="product_question",
        minutes=14,
    ),
    Story(
        "complaint",
        3,
        "complaint",
        "orders",
        "orders",
        "Not happy with {order}",
        ("This is the second time that {order} came with a part missing. That is not good enough.",),
        "Hello {first}, I am sorry. The missing part is on its way, and shipping of your next order is free.",
        _FOR_PEOPLE,
        ("store__get_order",),
        minutes=15,
    ),
    Story(
        "person",
        2,
        "human",
        "orders",
        "triage",
        "Please let me talk to a person",
        ("I would rather talk to a person about {order}.",),
        "Hello {first}, here is the support team of Harbour & Pine. Your order is looked after.",
        _FOR_PEOPLE,
        minutes=12,
    ),
    Story(
        "partner",
        4,
        "other",
        "partners",
        "",
        "Terms for resellers",
        ("We run a small café and would like to sell your mugs. What are your terms?",),
        "Hello {first}, thank you for asking. Our price list for partners is on its way to you.",
        ((_E.BY_PERSON, 1),),
        minutes=13,
    ),
)
BY_NAME = {story.name: story for story in STORIES}
# Of the catalogue.
ITEMS = (
    "COF-TIDE",
    "MUG-DUNE-4",
    "KET-COVE",
    "BRD-OAK-L",
    "PAN-SKILLET",
    "COF-MOKA-3",
    "COF-GRIND-H",
)  # in the catalogue
# Questions that the knowledge base answers poorly, and how often they were asked.
GAPS = (
    ("spare handle for the moka pot", 7),
    ("engraving on the chef's knife", 5),
    ("shipping to the Canary Islands", 4),
    ("does the grinder fit espresso tampers", 2),
)
COMMENTS = {
    5: ("Quick and friendly, thank you!", "Solved within minutes.", "Better than waiting on the phone."),
    4: ("Good help.", "All fine, a little slow at first."),
    3: ("It took two messages until I was understood.",),
    2: ("I had to explain everything twice.", "The answer did not fit my question."),
    1: ("Nobody could help me.", "Still no refund."),
}
