from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.decorators import action

from supportagent.console.admin import ConsoleModelAdmin
from supportagent.knowledge import importing
from supportagent.knowledge.models import Article

PROBLEMS_SHOWN = 50


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once, as a list."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(each, initial) for each in given]


class ImportForm(forms.Form):
    articles = FilesField(
        label="Files",
        help_text="Markdown (.md) with a head, or CSV, in UTF-8.",
        widget=FilesInput(
            attrs={
                "accept": ".md,.csv",
                "class": "border border-base-200 rounded-default px-3 py-2 w-full dark:border-base-700",
            }
        ),
    )
    dry_run = forms.BooleanField(label="Only check them, and import nothing", required=False)


@admin.register(Article)
class ArticleAdmin(ConsoleModelAdmin):
    list_display = ["title", "slug", "tags", "language", "published", "updated_at"]
    list_filter = ["published", "language"]
    search_fields = ["title", "slug", "tags", "body"]
    prepopulated_fields = {"slug": ["title"]}
    actions_list = ["import_page"]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """It writes new articles and changes those that are there."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    @action(description="Import from files", url_path="import", icon="upload_file", permissions=["import"])
    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Choose files, and read what is wrong with them; they are imported once nothing is."""
        form = ImportForm(request.POST or None, request.FILES or None)
        problems: list[str] = []
        checked = ""
        if request.method == "POST" and form.is_valid():
            dry_run = form.cleaned_data["dry_run"]
            try:
                plan = importing.import_articles(_files(form.cleaned_data["articles"]), dry_run=dry_run)
            except importing.ImportRace as race:
                problems = [str(race)]
            else:
                problems = plan.problems
                if not problems and not dry_run:
                    self.message_user(request, f"Imported: {plan.summary}.", messages.SUCCESS)
                    return HttpResponseRedirect(reverse("admin:knowledge_article_changelist"))
                checked = "" if problems else f"All is well. Would be imported: {plan.summary}."
        context = {
            **self.admin_site.each_context(request),
            "title": "Import articles",
            "form": form,
            "problems": problems[:PROBLEMS_SHOWN],
            "more": max(0, len(problems) - PROBLEMS_SHOWN),
            "checked": checked,
            "opts": self.model._meta,
        }
        refused = problems or (request.method == "POST" and not form.is_valid())
        return render(request, "knowledge/import_articles.html", context, status=422 if refused else 200)


def _files(uploaded: list[Any]) -> list[importing.File]:
    return [importing.File(each.name, each.read(importing.MAX_FILE_BYTES + 1)) for each in uploaded]
