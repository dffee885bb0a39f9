from django.db import models
from django.db.models.functions import Lower


class Customer(models.Model):
    """Somebody who writes to us. `reference` is the shop's account (`CUS-1001`), or `anon-<uuid>` for a visitor."""

    reference = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["reference"]
        # Whether a reply names somebody else's address is asked by it, whatever its case.
        indexes = [models.Index(Lower("email"), name="tickets_customer_email")]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_visitor(self) -> bool:
        return self.reference.startswith("anon-")
