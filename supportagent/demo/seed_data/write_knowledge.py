"""The help articles: one file each, with a two-line head (title, tags) and the text."""

from pathlib import Path

from supportagent.knowledge.models import Article

FOLDER = Path(__file__).parent / "articles"


def write_articles() -> int:
    """Write the articles that are missing; an article that somebody edited stays as it is."""
    known = set(Article.objects.values_list("slug", flat=True))
    missing = [_read(path) for path in sorted(FOLDER.glob("*.md")) if path.stem not in known]
    for article in missing:  # one by one: each gets its first history row
        article._change_reason = "Written by the seed"  # type: ignore[attr-defined]  # simple-history's way
        article.save()
    return len(missing)


def _read(path: Path) -> Article:
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    title, tags = (line.partition(": ")[2] for line in head.split("\n"))
    return Article(slug=path.stem, title=title, tags=tags, body=body.strip())
