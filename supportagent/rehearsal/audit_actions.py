"""What making scenarios writes into the audit trail."""

from audit.actions import register

register("rehearsal.scenario.exported", "A finished ticket was exported as a scenario, without personal data")
