"""What is said whatever a conversation is about, by language."""

DECLINED = {
    "en": "Hello {first}, a colleague looked at this and cannot agree to it, since it is outside our policy.",
    "de": "Hallo {first}, eine Kollegin hat es geprüft und kann dem nach unseren Regeln nicht zustimmen.",
}
HANDED_OVER = {
    "en": "A colleague takes over and will answer here.",
    "de": "Eine Kollegin übernimmt und antwortet hier.",
    "fr": "Une collègue prend le relais et répondra ici.",
    "es": "Una compañera se encarga y responderá aquí.",
}
PERSON = {
    "en": "Hello {first}, I have looked into this myself and it is settled now. Please write if anything is open.",
    "de": "Hallo {first}, ich habe es selbst geprüft, und es ist erledigt. Bitte schreiben Sie, wenn etwas offen ist.",
    "fr": "Bonjour {first}, j'ai vérifié moi-même et c'est réglé. Écrivez-nous s'il reste une question.",
    "es": "Hola {first}: lo he revisado yo misma y está resuelto. Escríbanos si queda alguna duda.",
}
MORE = {
    "en": "Please write to us again if that does not help.",
    "de": "Bitte schreiben Sie uns, wenn das nicht hilft.",
    "fr": "Écrivez-nous à nouveau si cela ne suffit pas.",
    "es": "Escríbanos de nuevo si esto no ayuda.",
}
SORRY = "Hello {first}, I am sorry: we could not find a way to do this."
SUMMARY = "The customer writes about {order}. What could be looked up was looked up; a person decides what to do."
