"""The look that both zones share. console.css repeats the colours; a test keeps the two equal."""

from django.http import HttpRequest
from django.templatetags.static import static

PRIMARY = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}


def favicon(request: HttpRequest) -> str:
    return static("console/favicon.svg")


def admin_stylesheet(request: HttpRequest) -> str:
    return static("console/admin.css")
