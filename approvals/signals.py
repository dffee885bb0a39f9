"""What other parts of the house may hear about requests and decisions. All are sent inside the deciding transaction."""

from django.dispatch import Signal

approval_decided = Signal()
"""`request` (its state is final) and `decision` (None on expiry). Of an approved T1 request `effective_at` is set."""

request_replaced = Signal()
"""`old` and `new`: an edit, an undo or new rules put another request in the place of one that may still be stopped.

The receiver moves the call under the new request; it raises `errors.TooLate` when the call has gone out already.
"""

information_requested = Signal()
"""`question`: an approver wants to know something that the agent or the customer may be able to tell."""
