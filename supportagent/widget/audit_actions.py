"""What the widget writes into the audit trail."""

from audit import actions

actions.register("widget.key.issued", "A signing key for a widget was issued")
actions.register("widget.key.retired", "A signing key of a widget was retired")
