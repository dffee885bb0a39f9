"""Rows of another table on the page of an object: the base of all, and who holds which right on this very object."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Field, ForeignKey, ManyToManyField
from django.http import HttpRequest
from unfold.admin import TabularInline


class LabelledInline(TabularInline):
    """Rows in a tab of their own, of which each input has a name for a screen reader."""

    extra = 0
    tab = True

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        """A column's heading does not name the input of a row for a screen reader; its own label does."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            widget = getattr(field.widget, "widget", field.widget)
            widget.attrs["aria-label"] = str(db_field.verbose_name).capitalize()
        return field


class GrantInline(LabelledInline):
    """Offers only the rights that mean something on the object: `codenames` of `app_label`."""

    app_label = ""
    codenames: tuple[str, ...] = ()

    def formfield_for_foreignkey(
        self, db_field: ForeignKey | ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "permission":
            kwargs["queryset"] = Permission.objects.filter(
                content_type__app_label=self.app_label, codename__in=self.codenames
            )
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "permission" and field is not None:
            field.label_from_instance = lambda permission: permission.name
        return field
