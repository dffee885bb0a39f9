"""What the audit log records about itself."""

from audit.actions import register

EXPORTED = "audit.log.exported"

register(EXPORTED, "Somebody exported entries of the audit log; the filters and whether details were decrypted")
