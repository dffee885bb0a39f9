"""Forty-odd orders in every state, oldest first. Days are counted back from the day of the seed."""

from typing import NamedTuple


class SeedOrder(NamedTuple):
    """`items` are (sku, quantity); `refunds` are (minor units, days ago); `failed` = an attempt to pay
    before.
    """

    order_id: str
    customer: str
    status: str
    days_ago: int
    items: tuple[tuple[str, int], ...]
    shipping_minor: int = 0
    refunds: tuple[tuple[int, int], ...] = ()
    failed: str = ""


ORDERS = (
    SeedOrder("ORD-1010", "CUS-1001", "delivered", 118, (("COF-MOKA-3", 1), ("COF-BEANS-H", 2)), 490),
    SeedOrder("ORD-1011", "CUS-1003", "delivered", 114, (("TEX-TOWEL-3", 2), ("BRD-OAK-M", 1))),
    SeedOrder("ORD-1012", "CUS-1002", "returned", 110, (("PAN-SKILLET", 1),), refunds=((6400, 82),)),
    SeedOrder("ORD-1013", "CUS-1004", "delivered", 105, (("MUG-DUNE-4", 1),), 490),
    SeedOrder("ORD-1014", "CUS-1001", "delivered", 101, (("KET-COVE", 1),)),
    SeedOrder("ORD-1015", "CUS-1003", "cancelled", 97, (("COF-GRIND-E", 1),), refunds=((18900, 96),)),
    SeedOrder(
        "ORD-1016",
        "CUS-1002",
        "delivered",
        93,
        (("COF-PRESS-S", 1), ("COF-BEANS-H", 1)),
        790,
        refunds=((1590, 84),),
    ),
    SeedOrder("ORD-1017", "CUS-1004", "delivered", 89, (("KNI-CHEF", 1),)),
    SeedOrder("ORD-1018", "CUS-1001", "delivered", 84, (("MUG-ESP-2", 2), ("COF-FILTER", 3))),
    SeedOrder("ORD-1019", "CUS-1003", "returned", 80, (("PAN-COCOTTE", 1),), refunds=((15900, 55),)),
    SeedOrder("ORD-1020", "CUS-1002", "delivered", 76, (("COF-SCALE", 1),), 790, failed="card •1881"),
    SeedOrder("ORD-1021", "CUS-1004", "delivered", 72, (("TEX-APRON", 1), ("TEX-TOWEL-3", 1))),
    SeedOrder("ORD-1022", "CUS-1001", "cancelled", 68, (("BRD-OAK-L", 1),), 390, refunds=((6290, 68),)),
    SeedOrder("ORD-1023", "CUS-1003", "delivered", 64, (("KET-BREW", 1),)),
    SeedOrder("ORD-1024", "CUS-1002", "delivered", 61, (("MUG-DUNE", 2), ("MUG-TRAVEL", 1)), refunds=((1600, 50),)),
    SeedOrder("ORD-1025", "CUS-1004", "delivered", 57, (("COF-GRIND-H", 1),)),
    SeedOrder("ORD-1026", "CUS-1001", "delivered", 54, (("PAN-SKILLET", 1), ("BRD-OAK-M", 1)), refunds=((3900, 41),)),
    SeedOrder("ORD-1027", "CUS-1003", "delivered", 50, (("GFT-CARD-50", 2),)),
    SeedOrder("ORD-1028", "CUS-1002", "delivered", 47, (("KET-BREW", 1),)),
    SeedOrder("ORD-1029", "CUS-1004", "returned", 44, (("COF-PRESS-L", 1),), 490, refunds=((5200, 20),)),
    SeedOrder("ORD-1030", "CUS-1001", "delivered", 41, (("TEX-TOWEL-3", 1), ("COF-FILTER", 2)), 390),
    SeedOrder("ORD-1031", "CUS-1003", "delivered", 38, (("COF-TIDE", 1), ("COF-FILTER", 4))),
    SeedOrder("ORD-1032", "CUS-1002", "cancelled", 35, (("MUG-DUNE-4", 1),), 790, refunds=((6390, 34),)),
    SeedOrder("ORD-1033", "CUS-1004", "delivered", 32, (("KET-BREW", 1), ("COF-FILTER", 1))),
    SeedOrder("ORD-1034", "CUS-1001", "delivered", 29, (("COF-SCALE", 1), ("COF-BEANS-H", 1)), refunds=((1590, 18),)),
    SeedOrder("ORD-1035", "CUS-1003", "delivered", 27, (("KNI-CHEF", 1), ("BRD-OAK-L", 1)), failed="card •1881"),
    SeedOrder("ORD-1036", "CUS-1002", "returned", 25, (("COF-GRIND-H", 1),)),
    SeedOrder("ORD-1037", "CUS-1004", "delivered", 22, (("PAN-COCOTTE", 1),), refunds=((3000, 14),)),
    SeedOrder("ORD-1038", "CUS-1001", "delivered", 19, (("KET-BREW", 1),)),
    SeedOrder("ORD-1039", "CUS-1003", "shipped", 13, (("COF-MOKA-6", 1), ("COF-BEANS-H", 2))),
    SeedOrder("ORD-1040", "CUS-1002", "delivered", 15, (("COF-TIDE-DRP", 1), ("COF-TIDE-CAR", 1))),
    SeedOrder("ORD-1041", "CUS-1004", "delivered", 11, (("MUG-ESP-2", 1), ("MUG-DUNE", 2)), 490),
    SeedOrder("ORD-1042", "CUS-1001", "delivered", 9, (("COF-TIDE", 1),)),
    SeedOrder("ORD-1043", "CUS-1003", "delivered", 8, (("TEX-APRON", 2),)),
    SeedOrder("ORD-1044", "CUS-1002", "shipped", 5, (("PAN-SKILLET", 1), ("COF-BEANS-H", 1))),
    SeedOrder("ORD-1045", "CUS-1004", "shipped", 4, (("COF-GRIND-E", 1),)),
    SeedOrder("ORD-1046", "CUS-1001", "shipped", 3, (("MUG-TRAVEL", 1),), 390),
    SeedOrder("ORD-1047", "CUS-1003", "cancelled", 3, (("COF-PRESS-L", 1),), 490, refunds=((5690, 2),)),
    SeedOrder("ORD-1048", "CUS-1002", "paid", 1, (("COF-GRIND-H", 1), ("COF-FILTER", 2)), failed="card •1881"),
    SeedOrder("ORD-1049", "CUS-1004", "paid", 1, (("BRD-OAK-L", 1), ("KNI-CHEF", 1))),
    SeedOrder("ORD-1050", "CUS-1001", "paid", 1, (("MUG-DUNE-4", 1), ("COF-BEANS-H", 1))),
    SeedOrder("ORD-1051", "CUS-1003", "paid", 0, (("KET-COVE", 1),)),
    SeedOrder("ORD-1052", "CUS-1001", "paid", 0, (("COF-FILTER", 5), ("COF-BEANS-H", 2)), 390),
)
