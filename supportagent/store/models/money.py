"""Money is an integer of minor units beside an ISO 4217 code; the database refuses anything else."""

from django.db.models import CheckConstraint, Q


def positive_amount_constraint(name: str, *, field: str = "amount_minor") -> CheckConstraint:
    return CheckConstraint(condition=Q(**{f"{field}__gt": 0}), name=name)


def currency_constraint(name: str, *, field: str = "currency") -> CheckConstraint:
    return CheckConstraint(condition=Q(**{f"{field}__regex": r"^[A-Z]{3}$"}), name=name)
