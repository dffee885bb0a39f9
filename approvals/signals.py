"""What other parts of the house may hear about decisions."""

from django.dispatch import Signal

approval_decided = Signal()
"""Sent inside the deciding transaction with `request` (its state is final) and `decision` (None on expiry)."""
