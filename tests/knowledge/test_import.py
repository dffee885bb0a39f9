"""Articles from Markdown and CSV: all of them or none, and again without a change."""

from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import AuditEntry
from supportagent.knowledge import importing
from supportagent.knowledge.importing import File
from supportagent.knowledge.models import Article
from supportagent.staff.models import User

MARKDOWN = """---
slug: returns
title: "Returning: an item"
tags: [send back, refund]
---

# How

Within <b>30</b> days. <script>alert(1)</script>
"""
CSV = 'slug,title,body,published\r\nshipping,Shipping,"Two days,\r\nor three.",yes\r\n\r\nold,Old,Gone.,no\r\n'
pytestmark = pytest.mark.django_db


def run(path, **options):
    said = StringIO()
    call_command("import_articles", str(path), stdout=said, **options)
    return said.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "returns.md").write_bytes(b"\xef\xbb\xbf" + MARKDOWN.replace("\n", "\r\n").encode())
    (tmp_path / "more.csv").write_bytes(CSV.encode())
    (tmp_path / "notes.txt").write_text("not an article")
    return tmp_path


def test_a_folder_is_imported_with_history_and_a_second_time_changes_nothing(folder):
    assert "Would be imported: 3 new, 0 changed, 0 as they were" in run(folder, dry_run=True)
    assert not Article.objects.exists()
    assert "Imported: 3 new" in run(folder)
    returns = Article.objects.get(slug="returns")
    assert (returns.title, returns.tags) == ("Returning: an item", "send back, refund")
    assert returns.body == "# How\n\nWithin <b>30</b> days. <script>alert(1)</script>"
    assert Article.objects.get(slug="shipping").body == "Two days,\r\nor three."
    assert not Article.objects.get(slug="old").published
    assert returns.history.get().history_change_reason == importing.REASON
    written = AuditEntry.objects.filter(action="audit.configuration.changed", target_type="knowledge.article")
    assert {(entry.actor_type, entry.actor_id) for entry in written} == {("system", "import_articles")}
    assert "0 new, 0 changed, 3 as they were" in run(folder)
    assert written.count() == 3
    Article.objects.filter(slug="returns").update(language="pt", published=False)
    (folder / "returns.md").write_text(MARKDOWN.replace("30", "14"))
    assert "0 new, 1 changed, 2 as they were" in run(folder)
    returns.refresh_from_db()
    assert "14" in returns.body and (returns.language, returns.published) == ("pt", False)  # not named: as it was


def md(**head):
    lines = [f"{key}: {value}" for key, value in {"slug": "a", "title": "A", **head}.items() if value is not None]
    return "\n".join(["---", *lines, "---", "Text."]).encode()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("a.md", b"# No head")], "a.md: it must begin with a head"),
        ([("a.md", b"---\nslug: a\n")], "a.md: it must begin with a head"),
        ([("a.md", b"")], "a.md: it must begin with a head"),
        ([("a.md", md(colour="red"))], "a.md, line 4: a line of the head is one of slug, title, tags"),
        ([("a.md", md(title=None))], "a.md: title is missing"),
        ([("a.md", b"---\nslug: a\nslug: b\ntitle: A\n---\nx")], "a.md, line 3: slug is given twice"),
        ([("a.md", md(slug="not a slug"))], "a.md: slug: Enter a valid"),
        ([("a.md", md(slug="s" * 81))], "a.md: slug: Ensure this value has at most 80"),
        ([("a.md", md(title="t" * 161))], "a.md: title: Ensure this value has at most 160"),
        ([("a.md", md(published="perhaps"))], "a.md: published: say yes or no"),
        ([("a.md", md(title="nul\0"))], "a.md: it holds control characters"),
        ([("a.md", md(slug="nul\0"))], "a.md: it holds control characters"),
        ([("a.md", b"---\nslug: a\ntitle: A\n---\ncaf\xe9")], "a.md, line 5: not UTF-8"),
        ([("a.md", b"---\nslug: a\ntitle: A\n---\n" + b"x" * 40_001)], "a.md: body: 40001 characters"),
        ([("a.md", b"x" * (2 * 1024 * 1024 + 1))], "a.md: larger than 2 MB"),
        ([("a.docx", b"x")], "a.docx: only .md and .csv"),
        ([("a.md", md()), ("b.md", md())], "The slug a stands in more than one place: a.md; b.md"),
        ([("a.csv", b"slug,title\na,A\n")], "a.csv: the first line names the columns"),
        ([("a.csv", b"slug,title,body,body\na,A,x,y\n")], "a.csv: the first line names the columns"),
        ([("a.csv", b"slug,title,body\na,A\n")], "a.csv, line 2: 2 cells for 3 columns"),
        ([("a.csv", b'slug,title,body\n"a,A,x\n')], "a.csv, line 2: unexpected end of data"),
        ([("a.csv", b"slug,title,body\n\n,,\na,,\n")], "a.csv, line 4: title and body are missing"),
        ([], "There is no article in it"),
    ],
)
def test_one_bad_article_keeps_all_out_and_is_named_with_its_place(files, said):
    good = File("good.csv", b"slug,title,body\ngood,Good,Text.\n")
    plan = importing.import_articles([*([good] if files else []), *(File(*each) for each in files)])
    assert any(said in problem for problem in plan.problems), plan.problems
    assert not Article.objects.exists()


def test_the_command_says_why_and_what_is_not_there(folder):
    (folder / "bad.md").write_text("no head")
    with pytest.raises(CommandError, match=r"Nothing was imported\.\nbad\.md: it must begin"):
        run(folder)
    with pytest.raises(CommandError, match="no file or folder"):
        run(folder / "nowhere")
    assert not Article.objects.exists()


def upload(client, *contents, **more):
    files = [SimpleUploadedFile(name, content) for name, content in contents]
    return client.post("/admin/knowledge/article/import/", {"articles": files, **more})


def test_an_admin_uploads_files_and_reads_what_is_wrong_with_them():
    root = Client()
    root.force_login(User.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend")
    bad = upload(root, ("<b>.md", b"no head"), ("a.md", md()))
    assert bad.status_code == 422 and "&lt;b&gt;.md: it must begin" in bad.content.decode()
    assert upload(root).status_code == 422
    checked = upload(root, ("a.md", md()), ("more.csv", CSV.encode()), dry_run="on")
    assert "Would be imported: 3 new" in checked.content.decode() and not Article.objects.exists()
    assert upload(root, ("a.md", md()), ("more.csv", CSV.encode())).status_code == 302
    assert Article.objects.count() == 3
    assert Article.objects.get(slug="a").history.get().history_user.username == "root"
