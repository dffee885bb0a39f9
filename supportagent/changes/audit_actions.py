"""What second admins write into the audit trail."""

from audit.actions import register

register("changes.change.declined", "A second admin declined a proposed change of the rules")
register("changes.change.proposed", "An admin proposed a change that loosens the rules; nothing of it is in force")
register("changes.change.put_in_force", "A second admin put a proposed change in force")
register("changes.change.went_stale", "A proposed change was refused: what it was made on has changed")
register("changes.change.withdrawn", "An admin took back a change that waited for a second admin")
register("changes.password.set", "An admin set the password of another account")
