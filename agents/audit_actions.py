"""What agents write into the audit trail."""

from audit.actions import register

register("agents.run.started", "An agent began to work on a ticket")
register("agents.run.completed", "A run ended with an answer, or the call of a direct run ended")
register("agents.run.handed_over", "A run ended by handing the ticket to a person")
register("agents.run.cancelled", "A person took the ticket over, closed or merged it while the run was live")
register("agents.run.parked", "A run crashed too often and waits for a person")
register("agents.run.recovered", "A run whose worker died was queued again")
register("agents.reads.intended", "Records are about to be read")
register("agents.reads.finished", "Records were read")
register("agents.tool_call.requested", "Somebody asked for a call without a model")
register("agents.tool_call.intended", "A call with an effect is about to be sent")
register("agents.tool_call.succeeded", "A call with an effect was carried out")
register("agents.tool_call.failed", "A call with an effect was declined by its domain")
register("agents.tool_call.refused", "A call was refused before it was sent")
register("agents.tool_call.key_reused", "Alarm: the key of a call was used for another call")
register("agents.tool_call.repeated", "A call whose answer never came is sent again under the same key")
register("agents.tool_call.outcome_unknown", "Nobody knows whether a call was carried out")
register("agents.outcome.resolved", "An unknown outcome was settled")
register("agents.outcome.contradicted", "Alarm: a call was carried out although it was settled that it was not")
register("agents.budget.denied", "A cap stopped a model call")
