"""What is asked: who, what, and as much of the circumstances as is known."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from approvals.models import ApprovalRequest
from supportagent.grants import strict
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool

CALL, DECIDE, HOLD = "call", "decide", "hold"
QUESTIONS = ((CALL, "call the tool"), (DECIDE, "decide calls of the tool"), (HOLD, "use the permission"))


class QuestionForm(forms.Form):
    """Whoever asks chooses among what he may see himself."""

    who = forms.CharField(max_length=150, label="Who", help_text="Log-in name of a person, or the account of an agent.")
    may = forms.ChoiceField(choices=QUESTIONS, label="Question: may they …")
    tool = forms.ModelChoiceField(
        Tool.objects.order_by("qualified_name"), required=False, to_field_name="qualified_name"
    )
    permission = forms.ChoiceField(
        choices=[("", "–"), *((str(each), f"{each.label} ({each})") for each in Permission)], required=False
    )
    team = forms.ModelChoiceField(Team.objects.none(), required=False, to_field_name="slug")
    ticket = forms.CharField(max_length=30, required=False, help_text="Its team and its customer.")
    request = forms.CharField(
        max_length=20, required=False, label="Approval request", help_text="Its tool, its arguments, its facts."
    )
    assurance = forms.ChoiceField(
        choices=[("", "not known"), *Ticket.Assurance.choices], required=False, label="Customer"
    )
    arguments = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), help_text="JSON, as sent."
    )

    def __init__(self, *args: Any, asker: User, people: "QuerySet[User]", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asker, self.people = asker, people
        self.fields["team"].queryset = Team.objects.visible_to(asker)  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            shape = {forms.Select: "select", forms.Textarea: "textarea"}
            field.widget.attrs["class"] = shape.get(type(field.widget), "input")  # type: ignore[call-overload]
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"help-{name}"
        self.fields["who"].widget.attrs["list"] = "people"

    def clean_who(self) -> User:
        found = self.people.filter(username=self.cleaned_data["who"].strip()).first()
        if found is None:
            raise ValidationError("There is no such account that you may ask about.")
        return found

    def clean_ticket(self) -> Ticket | None:
        number = self.cleaned_data["ticket"].strip()
        if not number:
            return None
        found = Ticket.objects.visible_to(self.asker).select_related("team").filter(number__iexact=number).first()
        if found is None:
            raise ValidationError("There is no such ticket that you may see.")
        return found

    def clean_request(self) -> ApprovalRequest | None:
        number = self.cleaned_data["request"].strip().upper().removeprefix("R-")
        if not number:
            return None
        if not (self.asker.has_perm(Permission.VIEW_APPROVALREQUEST) and self.asker.has_perm(Permission.VIEW_PII)):
            raise ValidationError("You may not see approval requests with customers' personal data.")
        seen = ApprovalRequest.objects.visible_to(self.asker).select_related("tool__server", "ticket__team")
        found = seen.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 15 else None
        if found is None:
            raise ValidationError("There is no such request that you may see.")
        return found

    def clean_arguments(self) -> dict[str, Any] | None:
        text = self.cleaned_data["arguments"].strip()
        if not text:
            return None
        try:
            return strict.parse(text)
        except strict.InvalidArguments as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        request, ticket = cleaned.get("request"), cleaned.get("ticket")
        if request is not None:
            cleaned["tool"], ticket = request.tool, ticket or request.ticket
        if ticket is not None:
            cleaned["team"] = cleaned.get("team") or ticket.team
            cleaned["assurance"] = cleaned.get("assurance") or ticket.assurance
        if cleaned.get("may") == HOLD and not cleaned.get("permission"):
            self.add_error("permission", "Choose the permission.")
        if cleaned.get("may") in (CALL, DECIDE) and not cleaned.get("tool"):
            self.add_error("tool", "Choose the tool, or name a request.")
        return cleaned
