"""What loosens governance, model by model: `loosens(before, after)` in plain sentences.

When in doubt, it is loosening: a field that a function does not know counts as one.
"""

from supportagent.changes.loosening import agents, caps, rights, rules, tools

__all__ = ["agents", "caps", "rights", "rules", "tools"]
