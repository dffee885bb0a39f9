from django.contrib import admin

from supportagent.console.admin import LedgerAdmin
from supportagent.engineering.models import EngineeringIssue, ServiceLog


@admin.register(ServiceLog)
class ServiceLogAdmin(LedgerAdmin):
    list_display = ["at", "service", "level", "message"]
    list_filter = ["service", "level", "at"]
    search_fields = ["message"]
    date_hierarchy = "at"


@admin.register(EngineeringIssue)
class EngineeringIssueAdmin(LedgerAdmin):
    list_display = ["issue_id", "title", "severity", "service", "status", "filed_at"]
    list_filter = ["severity", "service", "status"]
    search_fields = ["title", "summary"]
