"""Sentences that exist in every language the offline model answers in, and how sums and dates are written.

`{...}` fields are filled with facts from tool results only. A language without a row here is handed over.
"""

# ruff: noqa: E501 - a sentence a line
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

LANGUAGES = ("en", "de", "fr", "es")

_CATALOGUE: dict[str, dict[str, str]] = {
    "greeting": {
        "en": "Hello, and welcome! What can I do for you?",
        "de": "Hallo und willkommen! Was kann ich für Sie tun?",
        "fr": "Bonjour et bienvenue ! Que puis-je faire pour vous ?",
        "es": "¡Hola y bienvenido! ¿En qué puedo ayudarle?",
    },
    "thanks": {
        "en": "You are very welcome. Just write again if anything else comes up.",
        "de": "Sehr gerne. Schreiben Sie einfach wieder, wenn noch etwas ist.",
        "fr": "Avec plaisir. N'hésitez pas à nous réécrire.",
        "es": "Con mucho gusto. Escríbanos de nuevo si necesita algo más.",
    },
    "paid": {
        "en": "Order {order} ({items}) from {placed} is paid and is being prepared; it has not left us yet.",
        "de": "Bestellung {order} ({items}) vom {placed} ist bezahlt und in Vorbereitung; sie ist noch nicht unterwegs.",
        "fr": "La commande {order} ({items}) du {placed} est payée et en préparation ; elle n'est pas encore partie.",
        "es": "El pedido {order} ({items}) del {placed} está pagado y en preparación; aún no ha salido.",
    },
    "shipped": {
        "en": "Order {order} ({items}) is on its way: it left us on {shipped}.",
        "de": "Bestellung {order} ({items}) ist unterwegs, verschickt am {shipped}.",
        "fr": "La commande {order} ({items}) est en route, expédiée le {shipped}.",
        "es": "El pedido {order} ({items}) está en camino, enviado el {shipped}.",
    },
    "delivered": {
        "en": "Order {order} ({items}) was delivered on {delivered}.",
        "de": "Bestellung {order} ({items}) wurde am {delivered} zugestellt.",
        "fr": "La commande {order} ({items}) a été livrée le {delivered}.",
        "es": "El pedido {order} ({items}) fue entregado el {delivered}.",
    },
    "returned": {
        "en": "Order {order} ({items}) shows as returned.",
        "de": "Bestellung {order} ({items}) ist als zurückgesandt vermerkt.",
        "fr": "La commande {order} ({items}) est enregistrée comme retournée.",
        "es": "El pedido {order} ({items}) figura como devuelto.",
    },
    "cancelled": {
        "en": "Order {order} ({items}) shows as cancelled.",
        "de": "Bestellung {order} ({items}) ist als storniert vermerkt.",
        "fr": "La commande {order} ({items}) est enregistrée comme annulée.",
        "es": "El pedido {order} ({items}) figura como cancelado.",
    },
    "tracking": {
        "en": "Carrier: {carrier}, tracking number {tracking}.",
        "de": "Versand mit {carrier}, Sendungsnummer {tracking}.",
        "fr": "Transporteur : {carrier}, numéro de suivi {tracking}.",
        "es": "Transportista: {carrier}, número de seguimiento {tracking}.",
    },
    "expected": {
        "en": "We expect it by {expected}.",
        "de": "Voraussichtliche Zustellung: {expected}.",
        "fr": "Livraison prévue : {expected}.",
        "es": "Entrega prevista: {expected}.",
    },
    "refunded_before": {
        "en": "{sum} of it shows as refunded.",
        "de": "Davon sind {sum} als erstattet vermerkt.",
        "fr": "{sum} sont enregistrés comme remboursés.",
        "es": "{sum} figuran como reembolsados.",
    },
    "refund_waiting": {
        "en": "I have asked for a refund of {sum} for order {order} ({items}). A colleague has to approve it first, so no "
        "money has moved yet. Your reference is {reference}; I will write here as soon as there is a decision.",
        "de": "Ich habe um eine Erstattung von {sum} für Bestellung {order} gebeten. Eine Kollegin oder ein Kollege muss sie "
        "noch freigeben, bis dahin fließt kein Geld. Ihr Zeichen: {reference}. Ich melde mich hier.",
        "fr": "J'ai demandé un remboursement de {sum} pour la commande {order}. Un collègue doit encore l'approuver ; "
        "rien n'est versé pour l'instant. Votre référence : {reference}. Je vous réponds ici.",
        "es": "He solicitado un reembolso de {sum} para el pedido {order}. Un compañero tiene que aprobarlo; todavía no se "
        "ha movido dinero. Su referencia: {reference}. Le escribiré aquí.",
    },
    "refund_done": {
        "en": "Good news: the refund of {sum} for order {order} was issued{when}{method}.",
        "de": "Gute Nachricht: Die Erstattung von {sum} für Bestellung {order} wurde veranlasst{when}{method}.",
        "fr": "Bonne nouvelle : le remboursement de {sum} pour la commande {order} a été émis{when}{method}.",
        "es": "Buenas noticias: el reembolso de {sum} del pedido {order} se ha emitido{when}{method}.",
    },
    "on_date": {"en": " on {date}", "de": " am {date}", "fr": " le {date}", "es": " el {date}"},
    "to_method": {"en": " to {method}", "de": " auf {method}", "fr": " sur {method}", "es": " a {method}"},
    "nothing_left": {
        "en": "There is nothing left to refund on order {order} ({items}): {refunded} of {captured} shows as refunded.",
        "de": "Bei Bestellung {order} ist nichts mehr zu erstatten: {refunded} von {captured} sind als erstattet vermerkt.",
        "fr": "Il ne reste rien à rembourser sur la commande {order} : {refunded} sur {captured} sont déjà enregistrés.",
        "es": "No queda nada por reembolsar del pedido {order}: constan {refunded} de {captured}.",
    },
    "refund_refused": {
        "en": "The refund of {sum} for order {order} was not approved, so no money has moved.",
        "de": "Die Erstattung von {sum} für Bestellung {order} wurde nicht freigegeben; es ist kein Geld geflossen.",
        "fr": "Le remboursement de {sum} pour la commande {order} n'a pas été approuvé ; rien n'a été versé.",
        "es": "El reembolso de {sum} del pedido {order} no fue aprobado; no se ha movido dinero.",
    },
    "which_order": {
        "en": "Which order do you mean?",
        "de": "Welche Bestellung meinen Sie?",
        "fr": "De quelle commande s'agit-il ?",
        "es": "¿A qué pedido se refiere?",
    },
    "your_orders": {
        "en": "These are your latest orders:",
        "de": "Das sind Ihre letzten Bestellungen:",
        "fr": "Voici vos dernières commandes :",
        "es": "Estos son sus últimos pedidos:",
    },
    "no_orders": {
        "en": "I see no orders in your account.",
        "de": "In Ihrem Konto sehe ich keine Bestellungen.",
        "fr": "Je ne vois aucune commande dans votre compte.",
        "es": "No veo pedidos en su cuenta.",
    },
    "unknown_order": {
        "en": "I cannot find an order {order} in your account.",
        "de": "Eine Bestellung {order} finde ich in Ihrem Konto nicht.",
        "fr": "Je ne trouve pas de commande {order} dans votre compte.",
        "es": "No encuentro ningún pedido {order} en su cuenta.",
    },
    "offer_cancel": {
        "en": "It has not been shipped, so cancelling brings back the full {sum}. Shall I ask for order {order} to be "
        "cancelled?",
        "de": "Sie ist noch nicht verschickt; eine Stornierung bringt die vollen {sum} zurück. Soll ich um die Stornierung "
        "von {order} bitten?",
        "fr": "Elle n'est pas encore expédiée ; une annulation rend la totalité, {sum}. Dois-je demander l'annulation de "
        "{order} ?",
        "es": "Aún no se ha enviado; al cancelarlo se devuelve el total, {sum}. ¿Pido la cancelación de {order}?",
    },
    "offer_person": {
        "en": "Would you like me to bring in a colleague?",
        "de": "Soll ich eine Kollegin oder einen Kollegen dazuholen?",
        "fr": "Souhaitez-vous que je fasse intervenir un collègue ?",
        "es": "¿Quiere que avise a un compañero?",
    },
    "log_in": {
        "en": "To protect your account I can only open orders and account data once you are logged in at the shop. Please "
        "log in there and write to us from your account; a name, an e-mail address or an order number typed here is not "
        "enough.",
        "de": "Zum Schutz Ihres Kontos kann ich Bestellungen erst öffnen, wenn Sie im Shop angemeldet sind. Bitte melden Sie "
        "sich dort an und schreiben Sie uns von dort.",
        "fr": "Pour protéger votre compte, je ne peux ouvrir vos commandes que si vous êtes connecté à la boutique. "
        "Connectez-vous puis écrivez-nous de là.",
        "es": "Para proteger su cuenta, solo puedo abrir sus pedidos cuando haya iniciado sesión en la tienda. Inicie sesión y "
        "escríbanos desde allí.",
    },
    "handed_over": {
        "en": "I have passed this conversation to a colleague, who will read it and answer you here.",
        "de": "Ich habe das Gespräch an eine Kollegin oder einen Kollegen weitergegeben; die Antwort kommt hier.",
        "fr": "J'ai transmis cette conversation à un collègue, qui vous répondra ici.",
        "es": "He pasado esta conversación a un compañero, que le responderá aquí.",
    },
    "person_needed": {
        "en": "A colleague needs to take over from here; please stay in this chat.",
        "de": "Ab hier muss eine Kollegin oder ein Kollege übernehmen; bitte bleiben Sie in diesem Chat.",
        "fr": "Un collègue doit prendre la suite ; restez dans cette conversation, s'il vous plaît.",
        "es": "Un compañero tiene que continuar; permanezca en este chat, por favor.",
    },
    "acknowledged_no": {
        "en": "That is fine, I will leave everything as it is. Is there anything else?",
        "de": "In Ordnung, ich lasse alles, wie es ist. Kann ich sonst noch helfen?",
        "fr": "D'accord, je laisse tout en l'état. Puis-je faire autre chose ?",
        "es": "De acuerdo, lo dejo todo como está. ¿Algo más?",
    },
}

_MONTHS: dict[str, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
           "November", "Dezember"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre"),
}  # fmt: skip
_DATE_FORM = {"en": "{d} {m} {y}", "de": "{d}. {m} {y}", "fr": "{d} {m} {y}", "es": "{d} de {m} de {y}"}


def phrase(key: str, language: str = "en", **facts: Any) -> str:
    """The sentence in the language, English where the language is none of ours."""
    forms = _CATALOGUE[key]
    return forms.get(language, forms["en"]).format(**facts)


def is_said(key: str, words: str) -> bool:
    """Whether our earlier words contain this sentence, in whatever language: its longest fixed piece is looked for."""
    return any(max(_fixed(form), key=len) in words for form in _CATALOGUE[key].values())


def _fixed(form: str) -> list[str]:
    return [piece.split("}")[-1] for piece in form.split("{")]


def money(minor: Any, currency: Any) -> str:
    """EUR 84.00 from 8400 and EUR. The shop's currencies all have two decimals."""
    value = int(minor or 0)
    return f"{currency} {'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02d}"


def day(value: Any, language: str = "en") -> str:
    """3 November 2026 from an ISO date or moment; "" for none."""
    try:
        moment = date.fromisoformat(str(value)[:10])
    except ValueError:
        return ""
    form = _DATE_FORM.get(language, _DATE_FORM["en"])
    months = _MONTHS.get(language, _MONTHS["en"])
    return form.format(d=moment.day, m=months[moment.month - 1], y=moment.year)


def items_text(order: Mapping[str, Any], limit: int = 3) -> str:
    """The names of what was ordered: "2 x Stoneware mug, Tea towel and 1 more"."""
    lines = [line for line in order.get("items") or () if isinstance(line, Mapping)]
    names = [
        (f"{line['quantity']} x " if int(line.get("quantity") or 1) > 1 else "") + plain(line.get("name"), 60)
        for line in lines[:limit]
    ]
    more = f" and {len(lines) - limit} more" if len(lines) > limit else ""
    return ", ".join(names) + more if names else "no items listed"


def plain(value: Any, limit: int = 300) -> str:
    """Text that somebody else wrote, made harmless for a reply: one line, no markup, no links, cut at a word."""
    words = [word for word in str(value or "").split() if "://" not in word and not word.lower().startswith("www.")]
    text = " ".join(words).translate(str.maketrans("", "", "<>[]`*_|#"))
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + "…"
