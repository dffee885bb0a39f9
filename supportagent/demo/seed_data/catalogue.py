"""The kitchen and coffee shop's catalogue. Prices are in minor units of the order's currency."""

from typing import NamedTuple


class SeedProduct(NamedTuple):
    sku: str
    name: str
    category: str
    price_minor: int
    material: str
    dimensions: str
    in_stock: int
    description: str
    warranty_months: int = 24


PRODUCTS = (
    SeedProduct(
        "COF-TIDE",
        "Tide ceramic pour-over set",
        "coffee",
        8400,
        "stoneware, borosilicate glass, oak",
        "600 ml, filters 02",
        34,
        "Dripper, carafe and oak collar for two to four cups.",
    ),
    SeedProduct(
        "COF-TIDE-DRP", "Tide dripper", "coffee", 3200, "stoneware", "filters 02", 51, "The dripper alone."
    ),
    SeedProduct(
        "COF-TIDE-CAR", "Tide carafe", "coffee", 3600, "borosilicate glass", "600 ml", 22, "The carafe alone."
    ),
    SeedProduct(
        "COF-PRESS-S",
        "French press, small",
        "coffee",
        3900,
        "stainless steel",
        "350 ml",
        40,
        "Double wall, keeps coffee warm for an hour.",
    ),
    SeedProduct(
        "COF-PRESS-L",
        "French press, large",
        "coffee",
        5200,
        "stainless steel",
        "1 litre",
        27,
        "Double wall, eight cups.",
    ),
    SeedProduct(
        "COF-MOKA-3", "Moka pot, 3 cups", "coffee", 2900, "aluminium", "150 ml", 60, "Not for induction."
    ),
    SeedProduct(
        "COF-MOKA-6", "Moka pot, 6 cups", "coffee", 3900, "aluminium", "300 ml", 45, "Not for induction."
    ),
    SeedProduct(
        "COF-GRIND-H",
        "Pine hand grinder",
        "coffee",
        7900,
        "aluminium, hardened steel",
        "30 g, 38 mm burrs",
        19,
        "Forty steps from espresso to French press.",
        60,
    ),
    SeedProduct(
        "COF-GRIND-E",
        "Harbour electric grinder",
        "coffee",
        18900,
        "aluminium, hardened steel",
        "250 g hopper, 54 mm burrs",
        12,
        "Quiet, with a timer for single doses.",
        60,
    ),
    SeedProduct(
        "COF-SCALE",
        "Coffee scale with timer",
        "coffee",
        4500,
        "polypropylene, steel",
        "0.1 g to 2 kg",
        38,
        "Chargeable by USB-C.",
    ),
    SeedProduct(
        "COF-FILTER",
        "Paper filters 02, 100 pieces",
        "coffee",
        690,
        "unbleached paper",
        "size 02",
        300,
        "Fits the Tide dripper.",
    ),
    SeedProduct(
        "COF-BEANS-H",
        "Harbour house blend, 500 g",
        "coffee",
        1590,
        "coffee beans",
        "500 g",
        120,
        "Medium roast: cocoa, almond, orange.",
    ),
    SeedProduct(
        "KET-BREW",
        "Brew smart kettle",
        "kettles",
        14900,
        "18/8 stainless steel, beech",
        "1.0 litre, 1200 W",
        16,
        "Holds any temperature from 40 to 100 degrees; schedules in the Brew app.",
        36,
    ),
    SeedProduct(
        "KET-COVE",
        "Cove gooseneck kettle",
        "kettles",
        6900,
        "18/8 stainless steel",
        "0.9 litre",
        24,
        "For every hob, induction included.",
    ),
    SeedProduct(
        "MUG-DUNE", "Dune mug", "tableware", 1600, "stoneware", "300 ml", 140, "Dishwasher and microwave."
    ),
    SeedProduct(
        "MUG-DUNE-4",
        "Dune mugs, set of four",
        "tableware",
        5600,
        "stoneware",
        "4 x 300 ml",
        48,
        "Sand, moss, slate and rust.",
    ),
    SeedProduct(
        "MUG-ESP-2",
        "Dune espresso cups, pair",
        "tableware",
        2400,
        "stoneware",
        "2 x 80 ml",
        66,
        "With saucers.",
    ),
    SeedProduct(
        "MUG-TRAVEL",
        "Travel mug",
        "tableware",
        3400,
        "stainless steel",
        "380 ml",
        73,
        "Tight lid; fits car holders of 7 cm.",
    ),
    SeedProduct(
        "PAN-SKILLET",
        "Cast iron skillet",
        "cookware",
        6400,
        "cast iron",
        "26 cm, 2.3 kg",
        31,
        "Seasoned with rapeseed oil, ready to use.",
        60,
    ),
    SeedProduct(
        "PAN-COCOTTE",
        "Enamelled cocotte",
        "cookware",
        15900,
        "enamelled cast iron",
        "24 cm, 4.2 litres",
        9,
        "For bread, stews and everything slow.",
        60,
    ),
    SeedProduct(
        "KNI-CHEF",
        "Chef's knife",
        "cookware",
        8900,
        "carbon steel, oak",
        "20 cm blade",
        25,
        "Wash by hand and dry at once.",
    ),
    SeedProduct(
        "BRD-OAK-L",
        "Oak cutting board, large",
        "kitchen",
        5900,
        "European oak",
        "50 x 32 x 2 cm",
        18,
        "Oiled with linseed.",
    ),
    SeedProduct(
        "BRD-OAK-M",
        "Oak cutting board, medium",
        "kitchen",
        3900,
        "European oak",
        "40 x 25 x 2 cm",
        29,
        "Oiled with linseed.",
    ),
    SeedProduct(
        "TEX-APRON",
        "Linen apron",
        "textiles",
        4900,
        "linen, organic cotton",
        "one size",
        42,
        "Neck strap from 50 to 70 cm.",
    ),
    SeedProduct(
        "TEX-TOWEL-3",
        "Kitchen towels, set of three",
        "textiles",
        2700,
        "organic cotton",
        "50 x 70 cm",
        88,
        "GOTS certified.",
    ),
    SeedProduct("GFT-CARD-50", "Gift card 50", "gift cards", 5000, "", "", 1000, "By e-mail within minutes."),
)
