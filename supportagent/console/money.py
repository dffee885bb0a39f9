"""Money is integer minor units plus an ISO 4217 code; this is the one place that writes and reads it for people."""

import re

# ISO 4217 currencies whose minor unit is not a hundredth.
EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "ISK": 0, "BHD": 3, "KWD": 3, "TND": 3, "OMR": 3}


def format_money(minor: int, currency: str) -> str:
    """`EUR 84.00` for 8400 minor units."""
    exponent = EXPONENTS.get(currency, 2)
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**exponent)
    fraction = f".{rest:0{exponent}d}" if exponent else ""
    return f"{currency} {sign}{whole:,}{fraction}"


def format_micros(micros: int, currency: str = "USD") -> str:
    """Cost in micro-units of a currency, with enough digits to see a single call: `USD 0.0012`."""
    return f"{currency} {micros / 1_000_000:,.4f}"


def plain_money(minor: int, currency: str) -> str:
    """`84.00` for 8400 minor units: as somebody types it into a field that `parse_money` reads."""
    return format_money(minor, currency).partition(" ")[2].replace(",", "")


def parse_money(text: str, currency: str) -> int:
    """Minor units of an amount as people type it, exactly: `84`, `84.5` and `84,50` are read, nothing is rounded.

    Raises ValueError, which says how to write it.
    """
    exponent = EXPONENTS.get(currency, 2)
    match = re.fullmatch(r"([0-9]{1,13})(?:[.,]([0-9]*))?", text.strip(), re.ASCII)
    fraction = (match[2] or "") if match else ""
    if match is None or len(fraction) > exponent:
        raise ValueError(f"Write the amount like {plain_money(8400, currency)}, without the currency.")
    return int(match[1]) * 10**exponent + int(fraction.ljust(exponent, "0") or 0)
