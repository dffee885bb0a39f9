"""Give the models of other packages, whose own admin classes know nothing of Unfold, our base classes."""

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from supportagent.console.admin import LedgerAdmin


class LockoutAdmin(AccessAttemptAdmin, ModelAdmin):
    """Failed log-ins that count towards a lock-out. Deleting a row lifts the lock, so that stays possible."""

    def has_change_permission(self, request: HttpRequest, obj: AccessAttempt | None = None) -> bool:
        return False


class LoginRecordAdmin(LedgerAdmin, AccessLogAdmin):
    """Who logged in and out, from where."""


class FailedLoginRecordAdmin(LedgerAdmin, AccessFailureLogAdmin):
    """Every refused log-in."""


ADOPTED: dict[type, type[ModelAdmin]] = {
    AccessAttempt: LockoutAdmin,
    AccessLog: LoginRecordAdmin,
    AccessFailureLog: FailedLoginRecordAdmin,
}


def adopt() -> None:
    for model, model_admin in ADOPTED.items():
        # An app of the project that registered the model with an Unfold class knows better.
        if admin.site.is_registered(model) and not isinstance(admin.site.get_model_admin(model), ModelAdmin):
            admin.site.unregister(model)
            admin.site.register(model, model_admin)
