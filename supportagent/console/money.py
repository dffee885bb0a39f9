"""Money is integer minor units plus an ISO 4217 code; this is the one place that writes it for people."""

# ISO 4217 currencies whose minor unit is not a hundredth.
_EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "ISK": 0, "BHD": 3, "KWD": 3, "TND": 3, "OMR": 3}


def format_money(minor: int, currency: str) -> str:
    """`EUR 84.00` for 8400 minor units."""
    exponent = _EXPONENTS.get(currency, 2)
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 10**exponent)
    fraction = f".{rest:0{exponent}d}" if exponent else ""
    return f"{currency} {sign}{whole:,}{fraction}"


def format_micros(micros: int, currency: str = "USD") -> str:
    """Cost in micro-units of a currency, with enough digits to see a single call: `USD 0.0012`."""
    return f"{currency} {micros / 1_000_000:,.4f}"
