"""The two content security policies: strict for our own pages, relaxed for the admin only.

Unfold's Alpine evaluates expressions and its templates carry style attributes; without the relaxed
policy its log-in form is covered by a modal that nobody can close. The relaxed policy is set view by
view in `ConsoleSite`, so a page outside the admin cannot inherit it by accident.
"""

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

STRICT_CSP = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:", "blob:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "media-src": [SELF],
    "worker-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}

# Directives that replace their strict counterpart; everything not named here stays strict.
ADMIN_CSP = {
    "script-src": [SELF, UNSAFE_EVAL, NONCE],
    "style-src": [SELF, UNSAFE_INLINE],
}
