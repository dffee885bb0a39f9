"""Labels must have their entry in the audit trail."""

from collections.abc import Iterator

from audit.verification import register_state_check
from supportagent.quality.models import Label


def _labels() -> Iterator[tuple[str, str, str, str]]:
    for pk in Label.objects.values_list("pk", flat=True).iterator():
        yield f"label {pk} was given", "label", str(pk), "quality.item.labelled"


register_state_check("labels", _labels)
