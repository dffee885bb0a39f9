"""What the audit log records about itself."""

from audit.actions import register

EXPORTED = "audit.log.exported"

register(EXPORTED, "Somebody exported entries of the audit log; the filters and whether details were decrypted")
register("audit.configuration.changed", "Configuration was created, changed or deleted; the history has the fields")
register("audit.grant.changed", "A right on one object was given to a role or a person, or withdrawn")
register("audit.role.changed", "A role was given or withdrawn, or its permissions changed")
