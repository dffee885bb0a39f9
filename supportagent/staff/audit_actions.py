"""What accounts write into the audit trail."""

from audit.actions import register

register("staff.token.issued", "An access token for another program was issued")
register("staff.token.revoked", "An access token was revoked")
