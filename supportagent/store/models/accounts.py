from django.db import models
from django.db.models.functions import Lower

Address = dict[str, str]
ADDRESS_PARTS = ("line1", "line2", "city", "postcode", "country")


class Account(models.Model):
    """A customer of the shop. `reference` is the only link to the help desk; no foreign key crosses that
    door.

    `revision` rises with every change, so that an approval given on one state of the account can be refused
    when the account has changed since.
    """

    reference = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    email = models.EmailField()
    phone = models.CharField(max_length=32, blank=True)
    address_line1 = models.CharField(max_length=120, blank=True)
    address_line2 = models.CharField(max_length=120, blank=True)
    address_city = models.CharField(max_length=80, blank=True)
    address_postcode = models.CharField(max_length=16, blank=True)
    address_country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2")
    billing_name = models.CharField(max_length=120, blank=True)
    billing_line1 = models.CharField(max_length=120, blank=True)
    billing_line2 = models.CharField(max_length=120, blank=True)
    billing_city = models.CharField(max_length=80, blank=True)
    billing_postcode = models.CharField(max_length=16, blank=True)
    billing_country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2")
    vat_id = models.CharField("VAT id", max_length=16, blank=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["reference"]
        permissions = [("change_billing", "Can change an account's billing details")]
        constraints = [models.UniqueConstraint(Lower("email"), name="store_account_email_unique")]

    def __str__(self) -> str:
        return self.reference

    @property
    def address(self) -> Address:
        return {part: getattr(self, f"address_{part}") for part in ADDRESS_PARTS}

    @property
    def billing_address(self) -> Address:
        return {part: getattr(self, f"billing_{part}") for part in ADDRESS_PARTS}
