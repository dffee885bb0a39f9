"""What a reply says has happened, compared with what the records say.

A sentence that claims an effect (in English, German, French, Spanish or Portuguese) needs a succeeded call or a record
behind it, and a sum that it names must be one of the records'. Better a question to a person too many than a promise
that nobody kept: what reads like a claim and is none goes to a person.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from agents.loop import disguises
from agents.models import ToolCall


@dataclass(frozen=True)
class Claim:
    """A kind of effect that a reply may claim: its words by language, and what must stand behind it."""

    name: str
    words: dict[str, re.Pattern[str]]
    tools: frozenset[str]
    seen: re.Pattern[str] | None = None


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_WE = r"\b(?:i|we)(?:'ve|’ve| have)?(?: just| now| already)? "
_BEEN = r"\b(?:has (?:now |just |already )?been|have been|was|were|is(?: now| already)?|are)"
_MONEY = r"(?:\b(?:money|amount|sum)\b|\b(?:eur|gbp|usd) ?[\d.,]+|[€£$] ?[\d.,]+|[\d.,]+ ?(?:eur|euros?|gbp|usd|[€£$]))"
REFUND = Claim(
    "a refund",
    {
        "en": _any(
            rf"{_WE}(?:refunded|reimbursed|issued|processed|credited) ",
            rf"{_WE}(?:sent|transferred|paid|returned|given) [^.!?\n]{{0,30}}\bback\b",
            rf"\b(?:refund|reimbursement)\b[^!?\n]{{0,60}}{_BEEN} "
            r"(?:issued|made|processed|completed?|sent|approved|done|on its way)\b",
            r"\brefund:? (?:issued|processed|completed?|done|sent|approved)\b",
            rf"{_MONEY}[^!?\n]{{0,40}}{_BEEN} "
            r"(?:refunded|returned|reimbursed|credited|(?:sent|paid|transferred) back|on (?:its|the) way)\b",
            rf"{_MONEY} (?:returned|refunded|credited) to you",
            r"\b(?:you(?:'ve|’ve)?|was|were|has|have) (?:now |already |just )?(?:been )?(?:refunded|reimbursed)\b",
            r"\bis refunded\b",
        ),
        "de": _any(
            r"\b(?:rück)?erstattung\b[^!?\n]{0,60}\b(?:wurde|ist)\b[^!?\n]{0,40}"
            r"\b(?:veranlasst|ausgeführt|überwiesen|gebucht|erfolgt|durchgeführt|abgeschlossen|genehmigt|freigegeben)\b",
            r"\b(?:habe|haben|wurden?)\b[^!?\n]{0,60}\b(?:(?:rück)?erstattet|zurückgezahlt|zurücküberwiesen|gutgeschrieben)\b",
            r"\bgeld\b[^!?\n]{0,40}\b(?:ist|wurde)\b[^!?\n]{0,30}\b(?:unterwegs|überwiesen)",
        ),
        "fr": _any(
            r"\bremboursement\b[^!?\n]{0,60}\b(?:a (?:bien )?été|est)\b[^!?\n]{0,20}"
            r"\b(?:effectué|émis|traité|versé|approuvé|accordé|validé|fait)",
            r"\b(?:ai|avons|avez été|a été)\b[^!?\n]{0,20}\bremboursée?s?\b",
        ),
        "es": _any(
            r"\breembolso\b[^!?\n]{0,60}\b(?:ha sido|fue|se ha|está)\b[^!?\n]{0,20}"
            r"\b(?:emitido|procesado|realizado|efectuado|aprobado|hecho|tramitado|enviado)",
            r"\b(?:he|hemos|ha|han)\b[^!?\n]{0,20}\b(?:reembolsado|devuelto)\b",
        ),
        "pt": _any(
            r"\breembolso\b[^!?\n]{0,60}\b(?:foi|está)\b[^!?\n]{0,20}"
            r"\b(?:emitido|processado|realizado|efetuado|aprovado|feito|enviado)",
            r"\b(?:reembolsei|reembolsámos|reembolsamos|devolvi|devolvemos)\b",
        ),
    },
    frozenset({"issue_refund", "cancel_order"}),
    re.compile(r'"refunded_minor": [1-9]|"refunds": \[\{|"refund_id": "'),
)
CANCELLATION = Claim(
    "a cancellation",
    {
        "en": _any(
            rf"{_WE}cancell?ed ",
            rf"\border\b[^!?\n]{{0,40}}{_BEEN} cancell?ed\b",
            rf"\bcancellation\b[^!?\n]{{0,40}}{_BEEN} (?:completed?|done|processed|confirmed)\b",
        ),
        "de": _any(
            r"\b(?:bestellung|auftrag)\b[^!?\n]{0,40}\b(?:wurde|ist)\b[^!?\n]{0,20}\bstorniert\b",
            r"\b(?:habe|haben)\b[^!?\n]{0,40}\bstorniert\b",
        ),
        "fr": _any(
            r"\bcommande\b[^!?\n]{0,40}\b(?:a (?:bien )?été|est) annulée\b",
            r"\b(?:ai|avons)\b[^!?\n]{0,20}\bannulé",
        ),
        "es": _any(
            r"\bpedido\b[^!?\n]{0,40}\b(?:ha sido|fue|está) cancelado\b",
            r"\b(?:he|hemos)\b[^!?\n]{0,20}\bcancelado\b",
        ),
        "pt": _any(
            r"\b(?:encomenda|pedido)\b[^!?\n]{0,40}\b(?:foi|está) cancelad[ao]\b",
            r"\b(?:cancelei|cancelámos)\b",
        ),
    },
    frozenset({"cancel_order"}),
    re.compile(r'"status": "cancelled"'),
)
ACCOUNT = Claim(
    "a change of account",
    {
        "en": _any(
            rf"{_WE}(?:updated|changed) (?:your|the) ",
            r"\b(?:e-?mail|address|phone|number|details|account)\b[^!?\n]{0,40}"
            r"\b(?:has|have) been (?:updated|changed)\b",
        ),
        "de": _any(
            r"\b(?:(?:e-?mail-?)?adresse|e-?mail|telefonnummer|daten|konto)\b[^!?\n]{0,40}"
            r"\b(?:wurden?|ist|sind)\b[^!?\n]{0,20}\bgeändert\b",
        ),
        "fr": _any(
            r"\b(?:adresse|e-?mail|numéro|compte)\b[^!?\n]{0,40}\ba (?:bien )?été (?:modifié|changé|mise? à jour)",
        ),
        "es": _any(
            r"\b(?:dirección|correo|número|cuenta)\b[^!?\n]{0,40}"
            r"\b(?:ha sido|fue|se ha) (?:cambiad|actualizad|modificad)",
        ),
        "pt": _any(
            r"\b(?:morada|endereço|e-?mail|número|conta)\b[^!?\n]{0,40}\bfoi (?:alterad|atualizad|mudad)",
        ),
    },
    frozenset({"update_account", "update_billing_details"}),
)
ISSUE = Claim(
    "a filed issue",
    {
        "en": _any(
            rf"{_WE}(?:filed|opened|created|reported) ",
            r"\b(?:issue|ticket)\b[^!?\n]{0,40}\b(?:has been|was) (?:filed|opened|created)\b",
        )
    },
    frozenset({"create_engineering_issue", "create_ticket"}),
    re.compile(r'"issue_id": "|"number": "'),
)
APPROVAL = Claim(
    "an approval",
    {
        "en": _any(
            r"\b(?:has|have)(?: now| already| just)? approved\b",
            rf"\b(?:refund|request|cancellation|change|it|this|that)\b[^!?\n]{{0,40}}{_BEEN} approved\b",
        )
    },
    frozenset({"issue_refund", "cancel_order", "update_account", "update_billing_details"}),
)
# Not that somebody has a request before them, but that this conversation goes to somebody else.
_THREAD = "(?:conversation|chat|case|ticket|matter)"
_CONVERSATION = rf"(?:you|it|this(?: {_THREAD})?|(?:the|your) {_THREAD})"
HAND_OFF = Claim(
    "a hand-off",
    {
        "en": _any(
            r"\b(?:i|we)(?:'m|’m|'ve|’ve|'ll|’ll| am| are| have| will)(?: just| now| already)? "
            r"(?:hand|transfer|forward|pass|connect|escalat|redirect)\w* "
            rf"{_CONVERSATION}\b[^.!?\n]{{0,30}}\b(?:to|over|with|on)\b",
            r"\b(?:conversation|chat|case|ticket)\b[^!?\n]{0,20}\b(?:has been|is being|was) "
            r"(?:handed|transferred|forwarded|passed|escalated)\b",
        ),
        "de": _any(
            r"\bich (?:leite|gebe|verbinde|übergebe)\b[^.!?\n]{0,50}\b(?:weiter|ab|mit|an)\b",
            r"\b(?:gespräch|chat|fall|ticket|sie)\b[^!?\n]{0,60}\b(?:weitergeleitet|weitergegeben|übergeben|verbunden)\b",
        ),
        "fr": _any(
            r"\b(?:je|nous) vous (?:transfère|transférons|mets en relation|mettons en relation)",
            r"\b(?:ai|avons)\b[^!?\n]{0,10}\b(?:transmis|transféré)\b[^!?\n]{0,20}\b(?:conversation|dossier)\b",
        ),
        "es": _any(
            r"\b(?:le|te|lo|la) (?:paso|transfiero|derivo|comunico)\b",
            r"\b(?:he|hemos) (?:pasado|transferido|derivado)\b[^!?\n]{0,20}\b(?:conversación|caso|chat)\b",
        ),
        "pt": _any(
            r"\bvou (?:passar|transferir|encaminhar)\b[^.!?\n]{0,40}\b(?:para|a)\b",
            r"\b(?:passei|transferi|encaminhei)\b[^!?\n]{0,20}\b(?:conversa|caso|chat)\b",
        ),
    },
    frozenset({"hand_off", "escalate_to_human", "notify_team", "create_ticket"}),
)
CLAIMS = (REFUND, CANCELLATION, ACCOUNT, ISSUE, APPROVAL)


def _words(**by_language: str) -> dict[str, re.Pattern[str]]:
    return {language: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for language, words in by_language.items()}


# Within a claim or close before it: it did not happen.
_NEVER = _words(
    en=r"not|never|cannot|can't|couldn't|hasn't|haven't|wasn't|isn't|no|none|nothing|neither",
    de=r"nicht|nie|kein\w*|nichts|wird|werden|würde\w*",
    fr=r"ne|n|pas|jamais|rien|aucun\w*",
    es=r"no|nunca|nada|ningún\w*",
    pt=r"não|nunca|nada|nenhum\w*",
)
# Close before it, or anywhere before one in the present tense: it depends on something.
_PERHAPS = _words(
    en=r"if|once|when|whenever|as soon as|soon as|until|unless|before|after|whether",
    de=r"wenn|falls|sobald|bis|bevor|nachdem|ob",
    fr=r"si|dès que|quand|lorsque|avant|après",
    es=r"si|cuando|en cuanto|hasta|antes|después",
    pt=r"se|quando|assim que|até|antes|depois",
)
_PRESENT = re.compile(r"\b(?:is|are|ist|sind|est|está)\b", re.IGNORECASE)
_CLOSE = 2  # words
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n")
_CLAUSE_ENDS = re.compile(r"[,;:()–—]|\b(?:and|but|und|aber|et|mais|y|pero|e|mas)\b", re.IGNORECASE)
_SUM = re.compile(
    r"(?:EUR|GBP|USD|[€£$]) ?(\d[\d.,]*\d|\d)|(\d[\d.,]*\d|\d) ?(?:EUR|GBP|USD|[€£$]|euros?\b)", re.IGNORECASE
)


def unbacked(text: str, succeeded: Iterable[ToolCall]) -> list[str]:
    """The kinds of effect that the text claims to have happened without a succeeded call or a record that shows it."""
    sentences = _SENTENCE_ENDS.split(disguises.in_latin(text))
    claimed = [(claim, sentence) for sentence in sentences for claim in CLAIMS if _claims(claim, sentence)]
    if not claimed:
        return []
    calls = list(succeeded)
    return list(dict.fromkeys(claim.name for claim, sentence in claimed if not _is_backed(claim, sentence, calls)))


def speaks_of_hand_off(text: str) -> bool:
    """Whether the text says that this conversation goes to somebody else."""
    return any(_claims(HAND_OFF, sentence) for sentence in _SENTENCE_ENDS.split(disguises.in_latin(text)))


def _claims(claim: Claim, sentence: str) -> bool:
    # English needs no accents, so there they only hide a word. In German they tell "würde" from "wurde".
    plain = {"en": disguises.unmarked(sentence)}
    return any(
        not _is_denied(plain.get(language, sentence), match, language)
        for language, words in claim.words.items()
        for match in words.finditer(plain.get(language, sentence))
    )


def _is_denied(sentence: str, match: re.Match[str], language: str) -> bool:
    before = sentence[: match.start()]
    ends = [end.end() for end in _CLAUSE_ENDS.finditer(before)]
    close = " ".join(before[ends[-1] if ends else 0 :].split()[-_CLOSE:])
    if _NEVER[language].search(f"{close} {match.group()}") or _PERHAPS[language].search(close):
        return True
    return bool(_PRESENT.search(match.group()) and _PERHAPS[language].search(before))


def _is_backed(claim: Claim, sentence: str, calls: list[ToolCall]) -> bool:
    records = [json.dumps(call.result) for call in calls]
    done = any(call.name.rpartition("__")[2] in claim.tools for call in calls)
    if not done and not (claim.seen and any(claim.seen.search(record) for record in records)):
        return False
    known = {int(number) for record in records for number in re.findall(r"\d+", record)}
    return claim is not REFUND or all(sum_ in known for sum_ in _sums(sentence))


def _sums(sentence: str) -> list[int]:
    """The sums of money that a sentence names, in minor units: "EUR 1,234.50", "84 €", "84,00 EUR"."""
    return [_minor(before or after) for before, after in _SUM.findall(sentence)]


def _minor(written: str) -> int:
    whole, cents = written, ""
    if re.search(r"[.,]\d\d$", written):
        whole, cents = written[:-3], written[-2:]
    return int(re.sub(r"\D", "", whole) or "0") * 100 + int(cents or "0")
