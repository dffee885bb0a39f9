"""The tickets' part of the audit vocabulary. Entries hold numbers, kinds and lengths, never what was written."""

from audit.actions import register

register("tickets.ticket.opened", "A thread was opened")
register("tickets.message.received", "A customer wrote")
register("tickets.reply.posted", "The customer was answered, by an agent or by a person")
register("tickets.note.added", "An internal note was written")
register("tickets.event.posted", "The customer was told what happened")
register("tickets.draft.saved", "A reply was proposed")
register("tickets.draft.sent", "A proposed reply was sent by a person")
register("tickets.draft.discarded", "A proposed reply was thrown away")
register("tickets.draft.superseded", "An agent's unsent answer was overtaken by what came after it")
register("tickets.ticket.handed_over", "A thread was handed to the people of a team")
register("tickets.hand_over.contact_left", "A customer said where to answer, while nobody was there")
register("tickets.hand_over.overdue", "No person answered a hand-over in time")
register("tickets.ticket.taken_over", "A person claimed a thread")
register("tickets.ticket.handed_back", "A person gave a thread back to the agents")
register("tickets.ticket.categorised", "A ticket's category or priority was set")
register("tickets.ticket.triaged", "A request was sorted, with a confidence")
register("tickets.triage.labelled", "A person said how a request should have been sorted")
register("tickets.ticket.state_changed", "A ticket moved to another state")
register("tickets.ticket.rated", "A customer rated a thread")
register("tickets.team.notified", "Another team was told about a ticket")
