"""What may be stored as a contact or billing detail. Values come from a model or a form: refuse, never
repair.
"""

import re
import unicodedata
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from supportagent.store.errors import InvalidDetails
from supportagent.store.models.accounts import ADDRESS_PARTS, Address

MAX_LENGTHS = {"line1": 120, "line2": 120, "city": 80, "postcode": 16, "country": 2}
REQUIRED_PARTS = ("line1", "city", "postcode", "country")
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{5,24}")
POSTCODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z -]{1,15}")
COUNTRY = re.compile(r"[A-Z]{2}")
VAT_ID = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,14}")
# Control, format (bidi, zero-width, tags), surrogate, private-use, unassigned, line and paragraph separators.
HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
MARKUP = re.compile(r"[<>{}\[\]|\\`]|://")


def plain_line(value: str, *, field: str, max_length: int) -> str:
    """One visible line without markup, hidden characters or outer blanks; raises InvalidDetails."""
    if value != unicodedata.normalize("NFC", value) or value != value.strip():
        raise InvalidDetails(f"{field} has blanks around it or is not in normal form")
    if len(value) > max_length:
        raise InvalidDetails(f"{field} is longer than {max_length} characters")
    if any(unicodedata.category(char) in HIDDEN_CATEGORIES for char in value) or MARKUP.search(value):
        raise InvalidDetails(f"{field} contains characters that are not allowed")
    return value


def email_address(value: str) -> str:
    """A deliverable-looking ASCII address of at most 254 characters; look-alike letters are refused."""
    plain_line(value, field="email", max_length=254)
    try:
        validate_email(value)
    except ValidationError as error:
        raise InvalidDetails("email is not a valid e-mail address") from error
    if not value.isascii():
        raise InvalidDetails("email may only contain ASCII characters")
    return value


def phone_number(value: str) -> str:
    return _matching(value, PHONE, field="phone", hint="digits with an optional leading +")


def vat_number(value: str) -> str:
    """Empty removes the number; otherwise two capital letters of the country and 2 to 14 characters."""
    if value == "":
        return value
    return _matching(value, VAT_ID, field="vat_id", hint="for example PT123456789")


def person_or_company(value: str, *, field: str) -> str:
    if not value:
        raise InvalidDetails(f"{field} may not be empty")
    return plain_line(value, field=field, max_length=120)


def postal_address(value: Mapping[str, str], *, field: str) -> Address:
    """A whole address: a part that is not given becomes empty, so no mixture of two addresses is stored."""
    unknown = set(value) - set(ADDRESS_PARTS)
    if unknown:
        raise InvalidDetails(f"{field} has unknown parts: {', '.join(sorted(unknown))}")
    address = {
        part: plain_line(value.get(part, ""), field=f"{field}.{part}", max_length=MAX_LENGTHS[part])
        for part in ADDRESS_PARTS
    }
    for part in REQUIRED_PARTS:
        if not address[part]:
            raise InvalidDetails(f"{field}.{part} is missing")
    _matching(address["postcode"], POSTCODE, field=f"{field}.postcode", hint="letters, digits, blanks, hyphens")
    _matching(address["country"], COUNTRY, field=f"{field}.country", hint="two capital letters, for example PT")
    return address


def _matching(value: str, pattern: re.Pattern[str], *, field: str, hint: str) -> str:
    if not pattern.fullmatch(value):
        raise InvalidDetails(f"{field} is not valid ({hint})")
    return value
