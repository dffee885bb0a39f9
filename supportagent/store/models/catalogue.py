from django.db import models

from supportagent.store.models.money import currency_constraint, positive_amount_constraint


class Product(models.Model):
    """Something the shop sells. Orders copy name and price, so a later change rewrites no history."""

    sku = models.CharField("SKU", max_length=32, unique=True)
    name = models.CharField(max_length=120)
    category = models.CharField(max_length=40, db_index=True)
    description = models.TextField(blank=True)
    material = models.CharField(max_length=120, blank=True)
    dimensions = models.CharField(max_length=80, blank=True)
    warranty_months = models.PositiveSmallIntegerField(default=24)
    price_minor = models.BigIntegerField("price (minor units)")
    currency = models.CharField(max_length=3, default="EUR")
    in_stock = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            positive_amount_constraint("store_product_price_positive", field="price_minor"),
            currency_constraint("store_product_currency_iso"),
        ]

    def __str__(self) -> str:
        return self.name
