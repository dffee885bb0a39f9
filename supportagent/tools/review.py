"""What an admin says about an imported tool must fit together before it may be called: one list of rules.

The admin's form asks it before anything is kept, and the system check asks it about what is there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from supportagent.console.money import EXPONENTS
from supportagent.grants import strict
from supportagent.tools import reconciliation, review_answers
from supportagent.tools.models import Tool
from supportagent.tools.schema import CONST, SOURCES

MAX_TIMEOUT_SECONDS = 120
Problem = tuple[str, str]  # field, sentence
Reads = Mapping[str, Tool]


def reads_named(tool: Tool) -> set[str]:
    """The other tools that a review refers to."""
    return {name for name in (tool.facts_tool, tool.check_tool, tool.reconcile_tool) if name}


def problems(tool: Tool, reads: Reads) -> list[Problem]:
    """What does not fit, as (field, sentence). `reads` holds the tools of `reads_named` that exist."""
    of_answers = review_answers.problems(tool, reads.get(tool.facts_tool))
    return [*_risk(tool), *_arguments(tool), *_money(tool), *of_answers, *_reads(tool, reads), *_repetition(tool)]


def lacking(tool: Tool) -> list[str]:
    """The declarations that every tool needs, built-in ones too, and this one has not."""
    declared = (
        ("impact", tool.impact in Tool.Impact.values),
        ("reversible", tool.reversible in Tool.Reversible.values),
    )
    return [name for name, there in declared if not there]


def _arguments(tool: Tool) -> Iterator[Problem]:
    known = tool.input_schema.get("properties", {})
    bound = tool.bound_arguments
    if not isinstance(bound, dict):
        yield "bound_arguments", 'Write an object, for example {"customer_id": "customer"}.'
        return
    for name, source in bound.items():
        if name not in known:
            yield "bound_arguments", f"The tool has no argument {name}."
        if isinstance(source, dict):
            yield from _constant(known, name, source)
        elif source not in SOURCES:
            yield "bound_arguments", f"{source!r} is unknown; one of {', '.join(SOURCES)}."
    for field in ("subject_argument", "amount_argument", "currency_argument"):
        name = getattr(tool, field)
        if name and name not in known:
            yield field, f"The tool has no argument {name}."
    names = tool.destination_arguments
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield "destination_arguments", 'Write a list of names, for example ["email"].'
    elif unknown := [name for name in names if name not in known]:
        yield "destination_arguments", f"The tool has no argument {', '.join(unknown)}."


def _constant(known: Mapping[str, Any], name: str, source: Mapping[str, Any]) -> Iterator[Problem]:
    """A value that is always the same, in the form {"const": value}."""
    if set(source) != {CONST} or isinstance(source[CONST], dict | list | float):
        yield "bound_arguments", f'{name}: write {{"const": "value"}} with a text, a whole number, true, false or null.'
        return
    try:
        strict.validate({name: source[CONST]}, {"properties": {name: known.get(name, {})}})
    except strict.InvalidArguments as error:
        yield "bound_arguments", f"The tool does not take this constant: {error}."


def _money(tool: Tool) -> Iterator[Problem]:
    known = tool.input_schema.get("properties", {})
    if not tool.amount_argument:
        return
    declared = known.get(tool.amount_argument, {}).get("type")
    if tool.amount_unit == Tool.AmountUnit.MAJOR:
        if tool.amount_argument in known and declared not in ("number", "string"):
            yield "amount_unit", "An amount in decimals is a number or a text; this argument is neither."
    elif tool.amount_argument in known and declared != "integer":
        yield "amount_argument", "An amount is a whole number of minor units; this argument is none. Or say decimals."
    if not (tool.currency_argument or tool.fixed_currency) or not tool.subject_argument:
        yield "amount_argument", "An amount needs a currency, and a subject that it is counted on."
    if tool.currency_argument and tool.fixed_currency:
        yield "fixed_currency", "Either an argument says the currency, or it is always the same."
    code = tool.fixed_currency
    if code and code not in EXPONENTS and not (len(code) == 3 and code.isascii() and code.isupper()):
        yield "fixed_currency", "Three capital letters, for example EUR."


def _risk(tool: Tool) -> Iterator[Problem]:
    for name in lacking(tool):
        yield name, "Say what it is."
    if not 1 <= tool.timeout_seconds <= MAX_TIMEOUT_SECONDS:
        yield "timeout_seconds", f"Between 1 and {MAX_TIMEOUT_SECONDS} seconds."
    if tool.tool_class not in Tool.Repeat.values:
        yield "tool_class", "Say what may be done when nobody knows whether a call was carried out."
    reads = tool.tool_class == Tool.Repeat.READ
    if reads != (tool.effect == Tool.Effect.READ):
        yield "tool_class", "What only reads is of the class read, and nothing else is."
    if reads and tool.impact != Tool.Impact.NONE:
        yield "impact", "A read has no impact; if it has one, it is no read."
    if reads:
        return
    unknown_hurts = tool.impact in (Tool.Impact.MONEY, Tool.Impact.ACCOUNT)
    if (unknown_hurts or tool.tool_class == Tool.Repeat.OPAQUE) and not tool.what_to_check.strip():
        yield "what_to_check", "Say what a person looks at when nobody knows whether it was carried out."


def _repetition(tool: Tool) -> Iterator[Problem]:
    if tool.tool_class == Tool.Repeat.KEYED and "call" not in _sources(tool):
        yield "bound_arguments", 'A keyed tool needs its key: bind an argument to "call", {"idempotency_key": "call"}.'
    if tool.tool_class != Tool.Repeat.RECONCILABLE:
        return
    if not tool.reconcile_tool:
        yield "reconcile_tool", "A reconcilable tool needs the read that shows whether it was carried out."
    found = reconciliation.problems(tool.reconcile_when, argument_names=tool.input_schema.get("properties", {}))
    if not found and not tool.reconcile_when:
        found = ["A reconcilable tool needs the conditions that hold when it was carried out."]
    for problem in found:
        yield "reconcile_when", problem


def _reads(tool: Tool, reads: Reads) -> Iterator[Problem]:
    known = set(tool.input_schema.get("properties", {}))
    for field in ("facts_tool", "check_tool", "reconcile_tool"):
        name = getattr(tool, field)
        if not name:
            continue
        read = reads.get(name)
        if read is None:
            yield field, f"There is no tool {name}."
        elif read.writes:
            yield field, f"{name} is no read."
        elif not read.enabled:
            yield field, f"{name} is switched off."
        elif missing := sorted(_needed(read, tool) - known):
            yield field, f"{name} needs {', '.join(missing)}, which this tool does not have."
    names = tool.read_arguments
    if not isinstance(names, dict) or not all(isinstance(ours, str) for ours in names.values()):
        yield "read_arguments", 'Write names, for example {"id": "orderId"}.'
    elif unknown := sorted(set(names.values()) - known):
        yield "read_arguments", f"The tool has no argument {', '.join(unknown)}."
    yield from _check_fields(tool)


def _needed(read: Tool, tool: Tool) -> set[str]:
    """The arguments of this tool that a paired read cannot do without."""
    names = tool.read_arguments if isinstance(tool.read_arguments, dict) else {}
    bound = read.bound_arguments if isinstance(read.bound_arguments, dict) else {}
    return {names.get(name, name) for name in read.input_schema.get("required", []) if name not in bound}


def _check_fields(tool: Tool) -> Iterator[Problem]:
    names = tool.check_fields
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield "check_fields", 'Write a list of names, for example ["refund_id"].'
        return
    declared = {} if tool.result_path else tool.definition.get("outputSchema", {}).get("properties", {})
    unknown = [name for name in names if declared and name not in declared]
    if unknown:
        yield "check_fields", f"The result has no field {', '.join(unknown)}."


def _sources(tool: Tool) -> Any:
    return tool.bound_arguments.values() if isinstance(tool.bound_arguments, dict) else ()
