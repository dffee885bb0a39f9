"""The shop in the admin. Its records change through their verbs only, so all but the catalogue is for
reading.
"""

from django.contrib import admin
from unfold.admin import TabularInline

from supportagent.console.admin import ConsoleModelAdmin, LedgerAdmin
from supportagent.console.money import format_money
from supportagent.store.models import Account, Cancellation, Order, OrderItem, Payment, Product, Refund


class _ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request, obj=None):  # type: ignore[no-untyped-def]
        return False

    def has_change_permission(self, request, obj=None):  # type: ignore[no-untyped-def]
        return False


class OrderItemInline(_ReadOnlyInline):
    model = OrderItem
    fields = ["sku", "name", "quantity", "unit_minor"]


class PaymentInline(_ReadOnlyInline):
    model = Payment
    fields = ["payment_id", "amount_minor", "currency", "method", "status", "created_at"]


class RefundInline(_ReadOnlyInline):
    model = Refund
    fields = [
        "refund_id",
        "amount_minor",
        "currency",
        "status",
        "issued_at",
        "issued_by_type",
        "issued_by_id",
    ]


@admin.register(Product)
class ProductAdmin(ConsoleModelAdmin):
    list_display = ["sku", "name", "category", "price", "in_stock", "active"]
    list_filter = ["category", "active"]
    search_fields = ["sku", "name", "description"]

    @admin.display(description="price", ordering="price_minor")
    def price(self, product: Product) -> str:
        return format_money(product.price_minor, product.currency)


@admin.register(Account)
class AccountAdmin(LedgerAdmin):
    list_display = ["reference", "name", "email", "address_city", "address_country", "revision"]
    list_filter = ["address_country"]
    search_fields = ["reference", "name", "email"]


@admin.register(Order)
class OrderAdmin(LedgerAdmin):
    list_display = ["order_id", "account", "status", "placed_at", "carrier", "revision"]
    list_filter = ["status", "currency", "placed_at"]
    search_fields = ["order_id", "account__reference", "account__name", "tracking"]
    list_select_related = ["account"]
    date_hierarchy = "placed_at"
    inlines = [OrderItemInline, PaymentInline, RefundInline]


@admin.register(Payment)
class PaymentAdmin(LedgerAdmin):
    list_display = ["payment_id", "order", "amount", "method", "status", "created_at"]
    list_filter = ["status", "currency"]
    search_fields = ["payment_id", "order__order_id", "order__account__reference"]
    list_select_related = ["order"]

    @admin.display(description="amount", ordering="amount_minor")
    def amount(self, payment: Payment) -> str:
        return format_money(payment.amount_minor, payment.currency)


@admin.register(Refund)
class RefundAdmin(LedgerAdmin):
    list_display = ["refund_id", "order", "amount", "status", "issued_at", "issued_by_type", "issued_by_id"]
    list_filter = ["status", "currency", "issued_by_type"]
    search_fields = ["refund_id", "order__order_id", "order__account__reference"]
    list_select_related = ["order"]

    @admin.display(description="amount", ordering="amount_minor")
    def amount(self, refund: Refund) -> str:
        return format_money(refund.amount_minor, refund.currency)


@admin.register(Cancellation)
class CancellationAdmin(LedgerAdmin):
    list_display = ["order", "refund", "cancelled_at", "cancelled_by_type", "cancelled_by_id"]
    search_fields = ["order__order_id", "order__account__reference"]
    list_select_related = ["order", "refund"]
