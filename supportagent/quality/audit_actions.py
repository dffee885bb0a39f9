"""The labels' part of the audit vocabulary. Entries hold verdicts and reason codes, never what was written."""

from audit.actions import register

register("quality.sample.drawn", "Actions and runs of a week were drawn to be judged by people")
register("quality.item.labelled", "A person said whether an action or a run was right")
