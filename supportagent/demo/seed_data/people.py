"""Customers of the shop and the teams that help them. Every address is fictional."""

from typing import NamedTuple


class SeedCustomer(NamedTuple):
    reference: str
    name: str
    email: str
    phone: str
    line1: str
    line2: str
    city: str
    postcode: str
    country: str
    billing_name: str
    vat_id: str
    currency: str
    tax_percent: int
    method: str
    carrier: str


CUSTOMERS = (
    SeedCustomer(
        "CUS-1001",
        "Ana Martins",
        "ana.martins@example.com",
        "+351 910 000 101",
        "Rua das Flores 12",
        "2.º esq.",
        "Lisboa",
        "1200-195",
        "PT",
        "Ana Martins",
        "",
        "EUR",
        23,
        "card •4242",
        "CTT",
    ),
    SeedCustomer(
        "CUS-1002",
        "Ben Okafor",
        "ben.okafor@example.com",
        "+44 7700 900102",
        "8 Harbour Walk",
        "Flat 3",
        "Bristol",
        "BS1 4RN",
        "GB",
        "Ben Okafor",
        "",
        "GBP",
        20,
        "PayPal",
        "Royal Mail",
    ),
    SeedCustomer(
        "CUS-1003",
        "Chloé Dubois",
        "chloe.dubois@example.com",
        "+33 6 39 98 01 03",
        "14 quai Saint-Antoine",
        "",
        "Lyon",
        "69002",
        "FR",
        "Atelier Dubois SARL",
        "FR12345678901",
        "EUR",
        20,
        "card •0005",
        "DPD",
    ),
    SeedCustomer(
        "CUS-1004",
        "Deniz Yılmaz",
        "deniz.yilmaz@example.com",
        "+49 30 23125 104",
        "Weserstraße 41",
        "Hinterhaus",
        "Berlin",
        "12045",
        "DE",
        "Deniz Yılmaz",
        "",
        "EUR",
        19,
        "SEPA •3000",
        "DHL",
    ),
)

_FIRST_NAMES = ("Alma", "Bruno", "Carla", "Dario", "Elsa", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Luca")
_LAST_NAMES = ("Sample", "Example", "Specimen", "Muster", "Modelo")


def _sample(number: int, first: str, last: str) -> SeedCustomer:
    """Somebody whose name says that nobody is called so."""
    name = f"{first} {last}"
    return SeedCustomer(
        f"CUS-{2001 + number}", name, f"{first}.{last}@example.com".lower(), f"+351 910 000 {200 + number}",
        "Rua do Exemplo 1", "", "Porto", "4000-001", "PT", name, "", "EUR", 23, "card •4242", "CTT",
    )  # fmt: skip


# Who wrote in the weeks of the history (demo/history), and never again: the four above are those of the shop's pages.
SAMPLE_CUSTOMERS = tuple(
    _sample(number, first, last)
    for number, (last, first) in enumerate((last, first) for last in _LAST_NAMES for first in _FIRST_NAMES)
)

TEAMS = (
    ("orders", "Orders & returns"),
    ("billing", "Billing"),
    ("technical", "Technical"),
    ("partners", "Partner desk"),
)
