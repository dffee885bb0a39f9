"""What approvals write into the audit trail."""

from audit.actions import register

register("approvals.request.created", "A call was put before a person")
register("approvals.request.seconded", "The first of two people approved")
register("approvals.request.edited", "A person changed the arguments; somebody else has to decide on them")
register("approvals.request.asked", "A person wants to know something before deciding")
register("approvals.request.answered", "A question about a request was answered")
register("approvals.request.approved", "A person approved a call")
register("approvals.request.undone", "An approval was taken back before it was carried out")
register("approvals.request.rejected", "A person rejected a call")
register("approvals.request.assigned", "A request was given to one person, or back to everybody")
register("approvals.request.escalated", "A request went on to everybody who may decide it")
register("approvals.request.expired", "Nobody decided in time; the call is denied")
register("approvals.request.superseded", "The facts changed, so the request was put before a person again")
register("approvals.notification.resent", "A message about a request was sent again")
register("approvals.request.cancelled", "A request ended without a decision")
