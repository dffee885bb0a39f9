"""What a customer's words name: order numbers, an e-mail, a phone, an address, a sum, a place in a list."""

from __future__ import annotations

import re
from collections.abc import Mapping

from . import patterns

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_ORDER = re.compile(r"\bord[-\s]?(\d{4,8})\b", re.I)
_BARE_ORDER = re.compile(
    r"(?:\b(?:order|bestellung|commande|pedido)s?(?:\s+(?:id|number|no\.?|nr\.?|is|for that one))*[\s:#]*|#)"
    r"(\d{4,8})\b",
    re.I,
)
_FOREIGN_ORDER = re.compile(r"#?\b[A-Z]\d{5,9}\b")
_PHONE = re.compile(r"\+?\d[\d\s()./-]{6,17}\d")
_VAT = re.compile(r"\b(?=[A-Z]{2}[0-9A-Z]*\d)[A-Z]{2}[0-9A-Z]{8,12}\b")
_SUM = re.compile(
    r"(?:(?P<sign>[€$£])|\b(?P<code>eur|usd|gbp)\s?)(?P<a>\d{1,6}(?:[.,]\d{2})?)\b"
    r"|\b(?P<b>\d{1,6}(?:[.,]\d{2})?)\s?(?:(?P<sign2>[€$£])|(?P<code2>eur(?:os?)?|usd|dollars?|gbp|pounds?)\b)",
    re.I,
)
_CURRENCY = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "eur": "EUR",
    "usd": "USD",
    "gbp": "GBP",
    "dol": "USD",
    "pou": "GBP",
}
_POSTCODE = re.compile(
    r"\b(?:[A-Z]{1,2}-?\d{4,6}|\d{4}-\d{3}|\d{4,6}|\d{4}\s?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b"
)
_ADDRESS_LEAD = re.compile(
    r".*\b(?:address|to|is|live at|now)\b\s*(?:to|is|:)?\s*(?:the following)?[:\s]*(?=\S)", re.I | re.S
)
COUNTRIES: dict[str, str] = {
    "germany": "DE", "deutschland": "DE", "france": "FR", "spain": "ES", "españa": "ES", "portugal": "PT",
    "netherlands": "NL", "belgium": "BE", "austria": "AT", "switzerland": "CH", "italy": "IT", "ireland": "IE",
    "united kingdom": "GB", "uk": "GB", "usa": "US", "united states": "US", "turkey": "TR", "türkiye": "TR",
}  # fmt: skip


def order_ids(text: str) -> tuple[str, ...]:
    """Our own order numbers as the shop writes them (`ORD-1042`), in the order they were named."""
    found = [(m.start(), m.group(1)) for m in _ORDER.finditer(text)]
    found += [(m.start(), m.group(1)) for m in _BARE_ORDER.finditer(text)]
    return tuple(dict.fromkeys(f"ORD-{digits}" for _, digits in sorted(found)))


def foreign_order_id(text: str) -> str:
    """An order number in a form that this shop does not use, or ""."""
    found = _FOREIGN_ORDER.search(text)
    return found.group(0).lstrip("#") if found else ""


def new_email(text: str) -> str:
    """The e-mail address to change to: the one after "to", else the last one named, else ""."""
    found = list(EMAIL.finditer(text))
    for match in found:
        if re.search(r"\b(?:to|new\b[\w\s]*\bis|new\b[\w\s:-]*)[\s:]*$", text[: match.start()], re.I):
            return match.group(0).rstrip(".")
    return found[-1].group(0).rstrip(".") if found else ""


def new_phone(text: str) -> str:
    """The last telephone number in the text, or ""."""
    found = _PHONE.findall(EMAIL.sub(" ", text))
    return " ".join(found[-1].split()) if found else ""


def vat_id(text: str) -> str:
    """A VAT number such as PT501234567, or ""."""
    found = _VAT.search(text)
    return found.group(0) if found else ""


def company_name(text: str) -> str:
    """The name that invoices should carry, where the customer says so plainly, or ""."""
    found = re.search(
        r"\b(?:company|billing|invoice|business)\s+name\b.{0,20}?\b(?:to|is|:)\s+([^,.;\n]{2,60})", text, re.I
    )
    return found.group(1).strip() if found else ""


def named_sum(text: str) -> tuple[int, str] | None:
    """(minor units, currency) of the first sum of money in the text."""
    found = _SUM.search(text)
    if not found:
        return None
    symbol = next(found.group(name) for name in ("sign", "code", "sign2", "code2") if found.group(name))
    digits = (found.group("a") or found.group("b")).replace(",", ".")
    whole, _, cents = digits.partition(".")
    return int(whole) * 100 + int(cents or 0), _CURRENCY[symbol.lower()[:3]]


def ordinal(text: str) -> int | None:
    """Which line of a list is meant ("the second one", "number 2"), counted from 0."""
    low = text.lower()
    for word, place in patterns.ORDINALS.items():
        if re.search(rf"\b(?:the|die|der|das|le|la|el)\s+{word}\b|\b{word}\s+(?:one|order|option)\b", low):
            return place
    found = re.search(r"^\W*(?:number |no\.? |#)?([1-9])\W*$|\b(?:number|option|no\.)\s+([1-9])\b", low)
    return int(found.group(1) or found.group(2)) - 1 if found else None


def address(text: str, *, on_file: Mapping[str, str]) -> dict[str, str] | None:
    """A postal address as the shop stores it, or None when street, postcode or city cannot be told apart.

    Read from comma-separated parts. Where the customer named no country, that of the address on file stands
    in, but only for a postcode of the same form.
    """
    body = re.sub(r"\b(?:please|thanks?|thank you)\b", "", text.split("?")[0], flags=re.I)
    lead = _ADDRESS_LEAD.match(body)
    body = body[lead.end() :] if lead and "," in body[lead.end() :] else body
    parts = [part.strip(" .!\n") for part in re.split(r"[,\n]", body) if part.strip(" .!\n")]
    country = ""
    if parts and parts[-1].lower() in COUNTRIES:
        country = COUNTRIES[parts.pop().lower()]
    at = next((i for i in range(len(parts) - 1, 0, -1) if _POSTCODE.search(parts[i])), 0)
    if not at:
        return None
    postcode = _POSTCODE.search(parts[at])
    assert postcode is not None  # noqa: S101 - `at` was found by this very search
    city = (parts[at][: postcode.start()] + parts[at][postcode.end() :]).strip(" -")
    rest = parts[:at]
    if not city and len(rest) > 1:
        city = rest.pop()
    if not country and _form(postcode.group(0)) == _form(str(on_file.get("postcode") or "")):
        country = str(on_file.get("country") or "")
    if not city or not rest or not re.search(r"[^\W\d]", rest[0]) or not country:
        return None
    address = {"line1": rest[0], "city": city, "postcode": postcode.group(0), "country": country}
    return address | ({"line2": ", ".join(rest[1:])} if rest[1:] else {})


def _form(postcode: str) -> str:
    """99999 from 10001: the shape in which a country writes its postcodes."""
    return re.sub(r"[A-Za-z]", "A", re.sub(r"\d", "9", postcode))
