"""What accounts write into the audit trail."""

from audit.actions import register

register("staff.token.issued", "An access token for another program was issued")
register("staff.token.revoked", "An access token was revoked")
register("staff.person.left_the_desk", "A person set themselves away")
register("staff.person.came_back", "A person is at the desk again")
