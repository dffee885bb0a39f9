"""Exact sums become whole micro-units once, at their end."""

from fractions import Fraction


def half_up(exact: Fraction | int | None) -> int | None:
    """The nearest whole number, the greater one in the middle."""
    return None if exact is None else int((Fraction(exact) + Fraction(1, 2)) // 1)
