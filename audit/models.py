"""The log itself. No foreign key leads out of this file: users and targets may go, their entries stay."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

NAME_LENGTH = 60
IDENTITY_LENGTH = 150


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def about(self, kind: str, identity: str) -> Self:
        """Entries that concern something: their target, something they name, their ticket or run."""
        found = AuditReference.objects.filter(ref_id=identity, ref_type=kind).values("entry_id")
        if kind in ("ticket", "run"):
            found = found.union(AuditEntry.objects.order_by().filter(**{kind: identity}).values("seq"))
        return self.filter(seq__in=found)

    def matching(self, identity: str) -> Self:
        """Entries where this id stands as target, reference, ticket, run or actor; all have an index."""
        entries = AuditEntry.objects.order_by()
        return self.filter(
            seq__in=AuditReference.objects.filter(ref_id=identity)
            .values("entry_id")
            .union(
                entries.filter(ticket=identity).values("seq"),
                entries.filter(run=identity).values("seq"),
                entries.filter(actor_id=identity).values("seq"),
            )
        )


class AuditEntry(models.Model):
    """One link of the chain. `leaf` is what counts; the columns after it are copies to search by."""

    seq = models.BigIntegerField(_("number"), primary_key=True)
    prev = models.BinaryField(max_length=32, unique=True)
    hash = models.BinaryField(max_length=32)
    leaf = models.BinaryField()
    at = models.DateTimeField(_("at"))
    action = models.CharField(_("action"), max_length=100)
    actor_type = models.CharField(_("actor type"), max_length=NAME_LENGTH)
    actor_id = models.CharField(_("actor"), max_length=IDENTITY_LENGTH)
    target_type = models.CharField(_("target type"), max_length=NAME_LENGTH)
    target_id = models.CharField(_("target"), max_length=IDENTITY_LENGTH)
    ticket = models.CharField(_("ticket"), max_length=IDENTITY_LENGTH, blank=True)
    run = models.CharField(_("run"), max_length=IDENTITY_LENGTH, blank=True)
    outcome = models.CharField(_("outcome"), max_length=NAME_LENGTH, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-seq"]
        default_permissions = ("view",)
        permissions = [("export_auditentry", "Can export the audit log")]
        indexes = [
            models.Index(fields=["ticket"], name="audit_entry_ticket"),
            models.Index(fields=["run"], name="audit_entry_run"),
            models.Index(fields=["action"], name="audit_entry_action"),
            models.Index(fields=["actor_id"], name="audit_entry_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"


class AuditReference(models.Model):
    """Something an entry can be found by. A copy from the leaf, like the columns of the entry."""

    # No constraint in the database: nothing is ever deleted here, and the check would cost each append.
    entry = models.ForeignKey(AuditEntry, models.DO_NOTHING, related_name="references", db_constraint=False)
    ref_type = models.CharField(max_length=NAME_LENGTH)
    ref_id = models.CharField(max_length=IDENTITY_LENGTH)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["ref_id", "ref_type"], name="audit_reference_what")]

    def __str__(self) -> str:
        return f"{self.ref_type}:{self.ref_id}"


class SubjectKey(models.Model):
    """The key of one person's private details. Deleting the row erases what was encrypted with it."""

    subject = models.CharField(max_length=IDENTITY_LENGTH, unique=True)
    key = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.subject


class AuditDetail(models.Model):
    """Private details of an entry, outside the chain and erasable; the leaf holds a salted commitment."""

    entry = models.OneToOneField(
        AuditEntry, models.DO_NOTHING, related_name="detail", primary_key=True, db_constraint=False
    )
    subject = models.CharField(max_length=IDENTITY_LENGTH)
    salt = models.BinaryField(max_length=32)
    ciphertext = models.BinaryField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["subject"], name="audit_detail_subject")]

    def __str__(self) -> str:
        return f"details of {self.entry_id}"


class ChainHead(models.Model):
    """The end of the chain. Locked while entries are appended: no gap in the numbers, no fork of links."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_one_head")]

    def __str__(self) -> str:
        return f"head at {self.seq}"
