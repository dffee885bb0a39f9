from django.contrib import admin

from supportagent.console.admin import ConsoleModelAdmin
from supportagent.knowledge.models import Article


@admin.register(Article)
class ArticleAdmin(ConsoleModelAdmin):
    list_display = ["title", "slug", "tags", "language", "published", "updated_at"]
    list_filter = ["published", "language"]
    search_fields = ["title", "slug", "tags", "body"]
    prepopulated_fields = {"slug": ["title"]}
