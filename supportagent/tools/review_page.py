"""What stands beside the questions of a review: the definition, what its server suggests, and what is still missing."""

import copy
import json
from dataclasses import dataclass
from typing import Any

from django.forms import BaseForm

from supportagent.tools import contrast, review, suggestions
from supportagent.tools.definitions import visible
from supportagent.tools.models import Tool
from supportagent.tools.reviewing import REVIEWED


@dataclass(frozen=True)
class Step:
    title: str
    question: str
    fields: list[str]


STEPS = (
    Step(
        "1. What it does",
        "What can go wrong, and what may be done when nobody knows whether a call was carried out. Impact and "
        "reversibility decide which calls wait for a person where no rule says otherwise.",
        ["impact", "reversible", "tool_class", "what_to_check", "timeout_seconds", "host_only", "price_micros"],
    ),
    Step(
        "2. Whose records",
        "What proves, before anything is shown or done, that the record belongs to the customer of the ticket.",
        ["ownership", "requires_verified", "facts_tool", "owner_path", "facts_paths", "read_arguments"],
    ),
    Step(
        "3. Arguments",
        "The model sees and writes only what the host does not. How far a role may go stands on its grant.",
        [
            "bound_arguments",
            "amount_argument",
            "amount_unit",
            "currency_argument",
            "fixed_currency",
            "subject_argument",
            "destination_arguments",
        ],
    ),
    Step(
        "4. Answers",
        "What of an answer is kept. What is cut out here is stored nowhere and shown to nobody.",
        ["result_path", "masks", "record_paths"],
    ),
    Step(
        "5. Proof of the outcome",
        "How it is found out what a call did.",
        ["check_tool", "check_fields", "reconcile_tool", "reconcile_when"],
    ),
)


@dataclass(frozen=True)
class Missing:
    """One thing that has to be said first. `where` is the id of the question."""

    label: str
    sentence: str
    where: str


@dataclass(frozen=True)
class Argument:
    name: str
    kind: str
    needed: bool
    says: str


@dataclass(frozen=True)
class Page:
    tool: Tool
    reviewed: bool
    missing: list[Missing]
    suggested: list[str]
    title: str
    description: str
    arguments: list[Argument]
    hints: list[tuple[str, str]]
    changed: list[contrast.Part]
    whole: str


def page_of(tool: Tool, form: BaseForm) -> Page:
    """The page of an imported tool as its row is now, with the suggestions where it was never reviewed."""
    definition, suggested = tool.definition, getattr(form, "suggested", {})
    return Page(
        tool=tool,
        reviewed=suggestions.is_reviewed(tool),
        missing=_missing(tool, form, suggested),
        suggested=[_label(form, name) for name in suggested],
        title=visible(str(definition.get("title", ""))),
        description=visible(tool.description),
        arguments=_arguments(tool),
        hints=[(visible(str(name)), visible(str(said))) for name, said in definition.get("annotations", {}).items()],
        changed=_changed(tool),
        whole=visible(json.dumps(definition, indent=2, ensure_ascii=False)),
    )


def _missing(tool: Tool, form: BaseForm, suggested: dict[str, Any]) -> list[Missing]:
    answered = copy.copy(tool)
    for name, value in suggested.items():
        setattr(answered, name, value)
    if "tool_class" in suggested:
        reads = answered.tool_class == Tool.Repeat.READ
        answered.effect = Tool.Effect.READ if reads else Tool.Effect.WRITE
    named = Tool.objects.select_related("server").filter(qualified_name__in=review.reads_named(answered))
    found = review.problems(answered, {each.qualified_name: each for each in named})
    return [Missing(_label(form, field), sentence, f"id_{field}") for field, sentence in found if field in REVIEWED]


def _label(form: BaseForm, name: str) -> str:
    field = form.fields.get(name)
    return str(field.label) if field is not None and field.label else name.replace("_", " ").capitalize()


def _arguments(tool: Tool) -> list[Argument]:
    schema = tool.input_schema
    return [
        Argument(
            name=visible(str(name)),
            kind=_kind(declared),
            needed=name in schema.get("required", []),
            says=visible(str(declared.get("description", ""))) if isinstance(declared, dict) else "",
        )
        for name, declared in schema.get("properties", {}).items()
    ]


def _kind(declared: Any) -> str:
    """The type with its limits, as short as it can be said."""
    if not isinstance(declared, dict):
        return "anything"
    limits = {name: inner for name, inner in declared.items() if name not in ("type", "description", "title")}
    kind = declared.get("type", "anything")
    words = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    return visible(f"{words} {json.dumps(limits, ensure_ascii=False)}" if limits else words)


def _changed(tool: Tool) -> list[contrast.Part]:
    """The last change of the definition, for whoever decides whether the tool goes on again."""
    earlier = tool.history.exclude(definition_hash=tool.definition_hash).order_by("-history_date", "-history_id")
    before = earlier.values_list("definition", flat=True).first()
    return contrast.parts(before, tool.definition) if before else []
