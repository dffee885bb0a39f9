"""How often a visitor may do something."""

from supportagent.throttle import Limit

MESSAGES_PER_SESSION = Limit("message.session", 20)
MESSAGES_PER_ADDRESS = Limit("message.address", 120)  # An office behind one address shares it.
SESSIONS_PER_ADDRESS = Limit("session.address", 60)
READS_PER_SESSION = Limit("read.session", 600)
