"""Which rule holds for a call, and what it asks for. Unknown or malformed means: a person decides.

`evaluate` is what the gate, the test bench and the re-queue ask; there is no second reading of a rule. A rule that
cannot be read never allows and is never passed over: at least a person decides, and more than that where the rules
below it ask for more.
"""

from approvals.policy.book import Edition, RuleSet, compile_rules, current, rules_in_force
from approvals.policy.conditions import OPERATORS, ConditionError, condition_in_words, kind_of, read
from approvals.policy.evaluation import TRUSTED_SOURCES, UNCONFIRMED_DESTINATION, by_declaration, evaluate
from approvals.policy.rules import Answer, Asked, Judged, Rule, check_allowing
from approvals.policy.ruling import Ruling

__all__ = [
    "OPERATORS",
    "TRUSTED_SOURCES",
    "UNCONFIRMED_DESTINATION",
    "Answer",
    "Asked",
    "ConditionError",
    "Edition",
    "Judged",
    "Rule",
    "RuleSet",
    "Ruling",
    "by_declaration",
    "check_allowing",
    "compile_rules",
    "condition_in_words",
    "current",
    "evaluate",
    "kind_of",
    "read",
    "rules_in_force",
]
