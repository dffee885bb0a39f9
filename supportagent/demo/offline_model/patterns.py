"""What customers say, as data: which words speak for which wish, in English and three neighbours.

A row is (wish, weight, pattern). Weight 3 names the wish itself, 2 describes it, 1 is a hint that
counts only where nothing stronger was said. Patterns are matched on lower-case text.
"""

# ruff: noqa: E501 - an alternative of a pattern is easier to compare on one line
from __future__ import annotations

import re
from enum import StrEnum


def words_of(text: str) -> frozenset[str]:
    """A set of words, written as a line of text."""
    return frozenset(text.split())


class Intent(StrEnum):
    """What a customer may want; the value is also the stable name in the stated reasoning."""

    ORDER_STATUS = "order_status"
    CANCEL = "cancel"
    UNDO_CANCEL = "undo_cancel"
    REFUND = "refund"
    RETURN = "return"
    EXCHANGE = "exchange"
    ORDER_ADDRESS = "order_address"
    ADDRESS = "address"
    ACCOUNT = "account"
    BILLING = "billing"
    PAYMENT = "payment"
    PAYMENT_METHOD = "payment_method"
    INVOICE = "invoice"
    PRODUCT = "product"
    POLICY = "policy"
    TECHNICAL = "technical"
    COMPLAINT = "complaint"
    HUMAN = "human"
    OTHER = "other"


CATEGORY: dict[Intent, str] = {
    Intent.ORDER_STATUS: "order_status",
    Intent.CANCEL: "cancellation",
    Intent.UNDO_CANCEL: "cancellation",
    Intent.REFUND: "return_refund",
    Intent.RETURN: "return_refund",
    Intent.EXCHANGE: "exchange",
    Intent.ORDER_ADDRESS: "address_change",
    Intent.ADDRESS: "address_change",
    Intent.ACCOUNT: "account_change",
    Intent.BILLING: "account_change",
    Intent.PAYMENT: "payment",
    Intent.PAYMENT_METHOD: "payment",
    Intent.INVOICE: "payment",
    Intent.PRODUCT: "product_question",
    Intent.POLICY: "product_question",
    Intent.TECHNICAL: "technical",
    Intent.COMPLAINT: "complaint",
    Intent.HUMAN: "human",
    Intent.OTHER: "other",
}

_CHANGE = r"(?:chang|modif|updat|edit|correct|switch|swap|replac|adjust|alter|mov)\w*"
_GET = r"(?:chang|modif|switch|swap|replac|adjust|alter)\w*"
_VARIANT = (
    r"(?:size|colou?r|model|version|variant|item|product|material|style|option|different|another|bigger"
    r"|smaller|larger|cheaper|same one|quantity|order)"
)

_TABLE: tuple[tuple[Intent, int, str], ...] = (
    # A person, or the wish to complain.
    (Intent.HUMAN, 4, r"\b(?:human|real person|live (?:agent|person)|representative|supervisor|manager)\b"),
    (
        Intent.HUMAN,
        4,
        r"\b(?:speak|talk|chat|transfer\w*|connect|escalate)\b.{0,25}\b(?:someone|somebody"
        r"|person|agent|colleague|team)\b",
    ),
    (
        Intent.HUMAN,
        4,
        r"\b(?:echte[nr]? (?:mensch|person)|mitarbeiter\w*|un humain|un conseiller"
        r"|una persona|un agente|un humano)\b",
    ),
    (Intent.COMPLAINT, 2, r"\b(?:complain\w*|complaint|beschwer\w*|réclamation|queja)\b"),
    (Intent.COMPLAINT, 1, r"\b(?:unacceptable|terrible|awful|worst|ridiculous|disgusting|scam|rip.?off)\b"),
    # Cancelling and taking it back.
    (
        Intent.UNDO_CANCEL,
        5,
        r"\b(?:undo|revers\w+|revert|reinstat\w+|take back|restore|un-?cancel)\b"
        r".{0,40}\bcancel\w*|\buncancel|\bcancel\w*.{0,25}\bby mistake\b",
    ),
    (Intent.CANCEL, 3, r"\b(?:cancel\w*|cancell?ation)\b"),
    (Intent.CANCEL, 3, r"\b(?:stornier\w*|annuler|annulation|cancelar|anular|cancelación)\b"),
    (
        Intent.CANCEL,
        2,
        r"\bordered (?:it |this |that )?(?:by mistake|twice by)|\bcall off\b|\b(?:no longer|don'?t)"
        r" (?:need|want) (?:it|this|that|the|my) order\b",
    ),
    # Exchanging: another variant of what was bought, also before it is shipped.
    (
        Intent.EXCHANGE,
        3,
        r"\b(?:exchang\w+|swap\w*|umtausch\w*|échang\w+|cambiar? (?:el|la|mi) (?:talla|color))",
    ),
    (Intent.EXCHANGE, 3, rf"\b{_GET}\b.{{0,45}}\b{_VARIANT}s?\b"),
    (
        Intent.EXCHANGE,
        2,
        r"\breplac\w+\b|\binstead of the (?:one|ones)\b|\b(?:wrong|different) (?:size|colou?r"
        r"|model|item|version)\b",
    ),
    (
        Intent.EXCHANGE,
        2,
        r"\b(?:make|making) (?:a |some |a few |a couple of |several )?(?:change|modification)s?\b"
        r".{0,30}\border|\b(?:modify|modifying|change|changing)\b.{0,25}\b(?:it|them|order|items?)\b",
    ),
    # Giving back, with or without naming the money.
    (
        Intent.REFUND,
        4,
        r"\b(?:refund\w*|money back|reimburs\w*|rückerstatt\w*|erstatt\w*|geld zurück"
        r"|rembours\w*|reembols\w*|devolución del dinero)\b",
    ),
    (
        Intent.RETURN,
        3,
        r"\b(?:return(?:s|ed|ing)?|send(?:ing)? (?:it|them|this|that|these|something|back)\b.{0,20}back"
        r"|give (?:it|them) back|zurückgeben|zurückschicken|zurücksenden|rücksendung|retourn\w+|renvoyer"
        r"|devolver)\b",
    ),
    (
        Intent.RETURN,
        1,
        r"\b(?:damaged|defective|faulty|broken|cracked|doesn'?t fit|too (?:small|big|large|tight)"
        r"|wrong item|missing (?:part|piece)s?|kaputt|beschädigt|cassé|endommagé|roto|dañad\w)\b",
    ),
    # Where is it.
    (
        Intent.ORDER_STATUS,
        4,
        r"\btrack(?:ing)?\b(?: (?:number|id|code|info\w*|link|my|an|the|it|this|down))?",
    ),
    (
        Intent.ORDER_STATUS,
        3,
        r"\bwhere(?:'s| is| are| did)\b.{0,6}\b(?:my|the|it|this|that)\b",
    ),
    (
        Intent.ORDER_STATUS,
        3,
        r"\b(?:status|update|eta|news|progress)\b.{0,25}\b(?:order|package|parcel|delivery"
        r"|shipment|refund)\b|\border (?:status|details)\b",
    ),
    (
        Intent.ORDER_STATUS,
        3,
        r"\bwhen\b.{0,30}\b(?:arrive|delivered|deliver|ship|shipped|come|get here|expect)\b",
    ),
    (
        Intent.ORDER_STATUS,
        3,
        r"\b(?:hasn'?t|haven'?t|has not|have not|not|never|didn'?t|still waiting)\b.{0,20}"
        r"\b(?:arriv\w+|receiv\w+|come|deliver\w+|shipped|show(?:ed|n) up)\b",
    ),
    (
        Intent.ORDER_STATUS,
        2,
        r"\b(?:late|delayed|delay|lost|missing|in transit)\b.{0,25}\b(?:order|package|parcel"
        r"|delivery|shipment)?\b",
    ),
    (
        Intent.ORDER_STATUS,
        2,
        r"\b(?:info\w*|details?|check|look up|find|confirm|verify)\b.{0,35}\b(?:orders?|purchases?"
        r"|package)\b",
    ),
    (
        Intent.ORDER_STATUS,
        2,
        r"\bwhich\b.{0,30}\b(?:i|did i)\b.{0,10}\b(?:order(?:ed)?|b(?:uy|ought)|purchased?)\b",
    ),
    (
        Intent.ORDER_STATUS,
        3,
        r"\bwo (?:ist|bleibt)\b|\bstatus\b.{0,20}\bbestellung|\bbestellstatus\b|\boù (?:est|en est)\b"
        r"|\bsuivi\b|\bdónde está\b|\bestado de mi pedido\b",
    ),
    (
        Intent.ORDER_STATUS,
        1,
        r"\b(?:order|package|parcel|shipment|delivery|bestellung|commande|pedido|paket|colis)\b",
    ),
    (Intent.ORDER_STATUS, 3, r"\bwhere\b.{0,20}\bord[- ]?\d|\b(?:about|status of|check|with) ord[- ]?\d"),
    (Intent.ORDER_STATUS, 1, r"\bord[- ]?\d{4,8}\b"),
    # Addresses: of one order, or of the account.
    (
        Intent.ORDER_ADDRESS,
        5,
        rf"\b{_CHANGE}\b.{{0,40}}\b(?:shipping|delivery|order'?s?)\b.{{0,12}}\baddress\b"
        rf"|\b{_CHANGE}\b.{{0,30}}\baddress\b.{{0,30}}\b(?:order|package|parcel)"
        r"|\bship\w* (?:it |this |them )?to (?:a |another |my )?(?:different|new|other|another)",
    ),
    (Intent.ORDER_ADDRESS, 3, r"\b(?:sent|shipped|shipping|going|delivered|send)\b.{0,20}\bwrong address\b"),
    (Intent.ADDRESS, 4, rf"\b(?:{_CHANGE}|new|wrong)\b.{{0,45}}\baddress\b(?!\s+book)"),
    (Intent.ADDRESS, 4, r"\baddress\b.{0,25}\b(?:chang\w+|updat\w+|wrong|incorrect|outdated|modif\w+)"),
    (
        Intent.ADDRESS,
        3,
        r"\bi(?:'ve| have)? (?:just |recently )?moved\b|\badresse (?:ändern|geändert|modifier)"
        r"|\bchanger (?:mon |d')adresse|\bcambiar (?:mi |la )dirección",
    ),
    (Intent.ADDRESS, 1, r"\baddress\b"),
    (Intent.ORDER_STATUS, 4, r"\b(?:which|what) address\b.{0,40}\b(?:sent|shipped|going|delivered|go)\b"),
    # The account and what stands on invoices.
    (Intent.ACCOUNT, 5, rf"\b(?:{_CHANGE}|new)\b.{{0,40}}\b(?:e-?mail|phone|mobile|telephone)\b"),
    (
        Intent.ACCOUNT,
        4,
        r"\b(?:e-?mail(?: address)?|phone(?: number)?)\b.{0,25}\b(?:to be |be )?(?:chang|updat|wrong"
        r"|incorrect)",
    ),
    (
        Intent.ACCOUNT,
        3,
        rf"\b{_CHANGE}\b.{{0,25}}\b(?:account|profile|contact|user) (?:details|info\w*|data)\b",
    ),
    (
        Intent.BILLING,
        6,
        r"\b(?:billing (?:details|address|name|info\w*)|vat (?:id|number)|tax (?:id|number)"
        r"|rechnungsadresse)\b",
    ),
    (Intent.BILLING, 5, rf"\b{_CHANGE}\b.{{0,20}}\b(?:billing|company name)\b"),
    # Money that was paid.
    (Intent.INVOICE, 4, r"\b(?:invoice|receipt|rechnung|facture|factura)\b"),
    (
        Intent.PAYMENT_METHOD,
        5,
        rf"\b(?:{_CHANGE}|split\w*|divide|apply|use)\b.{{0,40}}\b(?:payment|card|paypal|gift"
        r" card|credit)\b",
    ),
    (
        Intent.PAYMENT_METHOD,
        5,
        r"\bpay\w*\b.{0,25}\b(?:with|using|by|on) (?:a |an |my |two |another |different )",
    ),
    (
        Intent.PAYMENT,
        4,
        r"\b(?:charged|double.?charg\w+|overcharg\w+|billed|deducted|debited)\b|\bpaid twice\b",
    ),
    (Intent.PAYMENT, 3, r"\b(?:gift card|store credit|voucher|promo code|discount code|coupon)\b"),
    (
        Intent.PAYMENT,
        3,
        r"\bhow much\b.{0,25}\b(?:i|did i|have i|was i)\b.{0,12}\b(?:paid|pay|spen[dt]|charged)\b"
        r"|\btotal\b.{0,25}\b(?:paid|spent|cost|amount)\b",
    ),
    (Intent.PAYMENT, 3, r"\b(?:which|what)\b.{0,12}\b(?:card|payment)\b|\b(?:payment|balance)\b"),
    (Intent.PAYMENT, 1, r"\b(?:card|paypal|pay|paid|visa|mastercard|amex|credit|zahlung|paiement|pago)\b"),
    # Questions that the knowledge base answers.
    (
        Intent.POLICY,
        5,
        r"\b(?:return|refund|exchange|shipping|delivery|cancell?ation|warranty|privacy) polic(?:y|ies)\b"
        r"|\bwarranty\b|\bguarantee\b",
    ),
    (
        Intent.POLICY,
        5,
        r"\bhow (?:long|many days)\b.{0,30}\b(?:to return|for a refund|refunds? take|return window"
        r"|shipping take|delivery take)\b|\bcan i return\b.{0,30}\bafter\b",
    ),
    (
        Intent.POLICY,
        4,
        r"\bdo (?:you|u) (?:ship|deliver|accept|offer|take|charge)\b|\bshipping (?:cost|fee|time)s?\b"
        r"|\bhow do (?:i|returns|refunds|exchanges)\b.{0,15}\bwork\b",
    ),
    (
        Intent.PRODUCT,
        4,
        r"\bhow many\b.{0,40}\b(?:options?|products?|types?|kinds?|models?|colou?rs?|sizes?|styles?"
        r"|available|do you)\b",
    ),
    (
        Intent.PRODUCT,
        3,
        r"\b(?:do you (?:have|sell|carry|stock)|in stock|availab(?:le|ility)|compatib\w+|dishwasher"
        r"|specs?|specifications?|dimensions?|ingredients?|waterproof|capacity|recommend\w*)\b",
    ),
    (
        Intent.PRODUCT,
        3,
        r"\b(?:difference|compare|comparison) between\b|\b(?:what|which) (?:sizes?|colou?rs?|materials?"
        r"|kinds?|types?)\b|\bhow (?:do i|to|should i) (?:use|clean|wash|assemble|care|descale|set up)",
    ),
    (
        Intent.PRODUCT,
        3,
        r"\bhow much\b.{0,12}\b(?:is|are|does|do|for|would)\b|\bwhat(?:'s| is) the price\b|\bcheapest\b",
    ),
    (
        Intent.PRODUCT,
        2,
        r"\b(?:i(?:\'m| am) looking for|interested in|curious about|question about|tell me (?:more )?about"
        r"|know (?:more )?about)\b",
    ),
    (Intent.PRODUCT, 1, r"\b(?:product|catalogue|catalog|online store|features?|produkt|produit|producto)\b"),
    (
        Intent.POLICY,
        5,
        r"\b(?:can|could|may) (?:i|we|you|one) (?:return|exchange|refund|cancel)\b.{0,40}\b(?:opened|used|worn|washed|after"
        r"|without|if|items?\?|sale|gifts?)\b",
    ),
    # Something in the shop itself does not work.
    (
        Intent.TECHNICAL,
        4,
        r"\b(?:web ?site|site|web ?page|page|app|checkout|basket|cart|log ?in|sign ?in|password|button"
        r"|link|upload|portal)\b.{0,45}\b(?:error|broken|crash\w*|not work\w*|doesn'?t work|won'?t|down"
        r"|fail\w*|stuck|freez\w*|blank|bug\w*|slow|can'?t|not load\w*|times? out|500|404)\b",
    ),
    (
        Intent.TECHNICAL,
        4,
        r"\b(?:can(?:no|')t|cannot|unable to|not able to|won'?t let me|couldn'?t)\b.{0,20}\b(?:log ?in"
        r"|sign ?in|check ?out|reset (?:my )?password|load|open the (?:app|site|page)|access my account)\b",
    ),
    (
        Intent.TECHNICAL,
        4,
        r"\b(?:error (?:code|message|page|\d{3})|(?:500|502|503|404) error|technical (?:issue|problem"
        r"|fault)|bug)\b|\bgetting an error\b|\bfehlermeldung\b",
    ),
    (
        Intent.TECHNICAL,
        4,
        r"\b(?:web ?site|site|app|bluetooth|wi-?fi|device|firmware|notifications?)\b.{0,30}\b(?:does(?:n't| not)|do(?:n't| not)"
        r"|won't|will not|can(?:'t|not)|no longer|stopped|fails? to|keeps?)\s+(?:\w+\s+)?(?:connect|load|open|sync|pair|start"
        r"|respond|updat|work|find|crash|disconnect|fail)\w*",
    ),
)

TABLE: tuple[tuple[Intent, int, re.Pattern[str]], ...] = tuple(
    (intent, weight, re.compile(pattern)) for intent, weight, pattern in _TABLE
)

NEGATED = re.compile(
    r"\b(?:don'?t|do not|not|never|can'?t|cannot|won'?t|will not|wouldn'?t|without|instead of|rather than|no)\s+"
    r"(?:be\s+|want(?:ing)?\s+|need\s+|like\s+|wish\s+)?(?:to\s+|a\s+|any\s+|an\s+)?"
    r"(?:cancel|refund|return|exchang)\w*"
)
"""A named wish that the customer does not have ("I can't return it"): it must not count for it."""

THREAT = re.compile(
    r"\b(?:lawyer|attorney|solicitor|sue|legal action|in court|police|chargeback|ombudsman|trading standards|press"
    r"|twitter|social media|anwalt|avocat|abogado)\b"
)
ANGER = re.compile(
    r"\b(?:angry|furious|upset|frustrat\w+|annoy\w+|ridiculous|unacceptable|terrible|awful|worst|damn\w*|hell"
    r"|sick of|fed up|kidding me|useless|incompetent|outrag\w+|disgust\w+|pissed)\b|[$#@%!*]{4,}|!!!"
)
INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|prompt|rule|polic|guideline|above|previous)"
    r"|\bsystem prompt\b|\byou are now\b|\bdeveloper mode\b|\bact as\b.{0,20}\b(?:admin|root|dan|developer)\b"
    r"|\bpretend (?:to be|you)\b|\b(?:as|i am|i'm) (?:an?|the) (?:admin|administrator|system|developer)\b"
    r"|<\s*/?\s*(?:system|instruction|tool|assistant)|\b(?:system|assistant)\s*:|\[(?:system|inst)\b"
    r"|\bcall the (?:tool|function)\b|\b(?:store|tickets|engineering)__\w+"
)
"""Text that speaks to the machine instead of to us: data, never obeyed, and left out of the reading."""

YES = re.compile(
    r"^\W*(?:yes|yep|yeah|yup|sure|ok(?:ay)?|please do|go ahead|confirm\w*|correct|that'?s (?:right|correct|fine)|i confirm"
    r"|proceed|do it|absolutely|of course|certainly|sounds (?:good|perfect)|that sounds|perfect|alright|fine|ja|oui|sí|si"
    r"|d'accord|klar|vale)\b"
)
GO_AHEAD = re.compile(r"\b(?:go ahead|please proceed|proceed with|i confirm|just do it)\b")
NO = re.compile(
    r"^\W*(?:no|nope|nah|not (?:now|yet|really)|never ?mind|nein|non|don'?t)\b"
    r"|\bchanged my mind\b|\bneed (?:a bit )?more time\b|\bforget it\b"
)
THANKS = re.compile(
    r"\b(?:thanks?|thank you|thx|cheers|appreciate|danke|merci|gracias|that'?s all|that is all|nothing else|bye|goodbye"
    r"|have a (?:good|nice|great))\b"
)
GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|bonjour|bonsoir|hola"
    r"|buenos días|buenas)\b(?: there)?[\s!,.]*"
)
IDENTITY = re.compile(
    r"\b(?:my|full|first|last) name\b|\b(?:zip|postal) ?code\b|\bi(?:'m| am) [a-z]+ [a-z]+,? (?:and|zip|from)\b"
    r"|^\W*(?:sure|yes|ok|of course|certainly)?[\s,!.]*(?:it'?s|my e-?mail is)?\s*[\w.+-]+@[\w.-]+\W*$|\bmy e-?mail is\b"
    r"|\b(?:rather|prefer|comfortable)\b.{0,12}\b(?:not|sharing|share)\b|\bverify my identity\b"
)
NO_ORDER_NUMBER = re.compile(
    r"\b(?:don'?t|do not|can'?t|not|no)\b.{0,35}\b(?:order (?:id|number)s?|numbers?|exact (?:order|id))\b"
)
NEWS = re.compile(
    r"\b(?:any|some) (?:news|updates?)\b|\bwhat(?:'s| is) (?:happening|going on|the status)\b|\bstill waiting\b"
    r"|\bhow (?:long|much longer)\b|\bis it (?:done|approved|through)\b"
)
NEWEST = re.compile(r"\b(?:most recent|latest|newest|last|recent(?:ly)?|just)\b")
WHOLE_ORDER = re.compile(r"\b(?:everything|whole|entire|all (?:of )?(?:it|them|items?|the items)|full refund)\b")
MORE_IN_DEPTH = re.compile(r"\b(?:which|what|how much|material|capacity|size|colou?r|address|card|items?)\b")

ORDINALS: dict[str, int] = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4, "5th": 4,
    "erste": 0, "zweite": 1, "premier": 0, "première": 0, "deuxième": 1, "primero": 0, "segundo": 1,
}  # fmt: skip

LANGUAGE_WORDS: dict[str, frozenset[str]] = {
    "de": words_of(
        "ich und nicht ist mein meine meiner bestellung wo bitte möchte habe das der die ein eine "
        "guten hallo danke rückerstattung geld zurück für wie kann mit auf sie es wurde"
    ),
    "fr": words_of(
        "je et est ma mon mes commande où bonjour voudrais le la les un une pas pour vous merci s'il "
        "plaît remboursement avec colis dans avez j'ai suis être que qui ne"
    ),
    "es": words_of(
        "yo y es mi mis pedido dónde hola quiero quisiera el la los un una no por para gracias favor "
        "reembolso con está tengo que usted cuándo llega necesito"
    ),
    "en": words_of(
        "i the and is my order where please want would have a an to for with it of you can could was "
        "this that not hi hello thank thanks yes no help me in on how long do does did are your when why who if at be get got has had there they"
        " them some any much many take from about one two what which will cannot"
    ),
}
