"""What may be called: servers, their pinned and reviewed tools, and who was granted them."""

import re
from collections.abc import Mapping
from typing import Any

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.models import HistoricalRecords

LISTEN_FACTOR = 3
# The variables that may hold the secrets of imported servers: never one of ours.
CREDENTIAL = re.compile(r"MCP_[A-Z0-9_]{1,70}")
# JSON Schema formats of something that can be sent to.
ADDRESS_FORMATS = frozenset(
    {"email", "idn-email", "uri", "uri-reference", "iri", "iri-reference", "iban", "hostname", "idn-hostname"}
)


def addressed(schema: Any) -> frozenset[str]:
    """The top-level arguments of a schema that hold an address, at any depth."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping):
        return frozenset()
    return frozenset(name for name, inner in properties.items() if _holds_address(inner))


def _holds_address(schema: Any) -> bool:
    if isinstance(schema, dict):
        return schema.get("format") in ADDRESS_FORMATS or any(_holds_address(inner) for inner in schema.values())
    return isinstance(schema, list) and any(_holds_address(inner) for inner in schema)


class MCPServer(models.Model):
    """A domain that offers tools. A built-in one is resolved by its name in settings, never from this row."""

    class Transport(models.TextChoices):
        BUILTIN = "builtin", "Built in"
        HTTP = "http", "Streamable HTTP"
        STDIO = "stdio", "Own process (stdio)"

    class ClientAuth(models.TextChoices):
        BASIC = "basic", "In the header (client_secret_basic)"
        POST = "post", "In the form (client_secret_post)"

    name = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=120)
    transport = models.CharField(max_length=7, choices=Transport, default=Transport.BUILTIN)
    url = models.URLField(max_length=500, blank=True, help_text="Of a server that is reached by HTTP.")
    command = models.JSONField(default=list, blank=True, help_text="Program and arguments; no shell reads them.")
    credential = models.CharField(
        max_length=80,
        blank=True,
        help_text="Name of the environment variable (NAME or NAME_FILE) that holds the token, or the client secret.",
    )
    oauth_token_url = models.URLField(
        "token endpoint",
        max_length=500,
        blank=True,
        help_text="Set for OAuth client credentials; empty: a fixed token.",
    )
    oauth_client_id = models.CharField("client id", max_length=200, blank=True)
    oauth_client_auth = models.CharField(
        "client authentication",
        max_length=5,
        choices=ClientAuth,
        default=ClientAuth.BASIC,
        help_text="How the token endpoint is told the client secret.",
    )
    oauth_scope = models.CharField("scope", max_length=400, blank=True, help_text="Separated by spaces.")
    oauth_resource = models.CharField(
        "resource", max_length=400, blank=True, help_text="What the token is for (RFC 8707), usually the server's URL."
    )
    oauth_audience = models.CharField(
        "audience", max_length=400, blank=True, help_text="For token endpoints that ask for an audience instead."
    )
    trusted_for_errors = models.BooleanField(
        default=False, help_text="Its parameter and method errors prove that nothing was executed."
    )
    enabled = models.BooleanField(default=True, help_text="Off stops every call to this server at once.")
    synced_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        verbose_name = "MCP server"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.title


class ServerHealth(models.Model):
    """How the calls of one imported server ended since it was added, and its circuit.

    The circuit is closed while `retry_at` is empty, and open until that time; from then on one call may try. Rows are
    changed by UPDATEs that add to them (`supportagent/tools/health.py`), never saved as a whole: all workers write.
    """

    server = models.OneToOneField(MCPServer, on_delete=models.CASCADE, primary_key=True, related_name="health")
    calls = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0, help_text="Not reached, no answer in time, or a bad one.")
    unknown = models.PositiveBigIntegerField(default=0, help_text="Writes of which nobody knew whether they were done.")
    took_ms = models.PositiveBigIntegerField(default=0, help_text="Of all calls together, unanswered ones included.")
    failures_in_a_row = models.PositiveIntegerField(default=0)
    openings = models.PositiveIntegerField(default=0, help_text="How often the circuit opened since the last answer.")
    retry_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True, help_text="Of the last failure, in our own words.")

    class Meta:
        verbose_name_plural = "server health"

    def __str__(self) -> str:
        return f"health of server {self.pk}"


class ServerMinute(models.Model):
    """The calls of one server that ended in one minute and took about as long: a histogram, kept for two days."""

    server = models.ForeignKey(MCPServer, on_delete=models.CASCADE, related_name="minutes")
    minute = models.DateTimeField(db_index=True)
    within_ms = models.PositiveIntegerField(help_text="Took at most this long, and longer than the next smaller class.")
    calls = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    took_ms = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server", "minute", "within_ms"], name="one_row_per_minute")]

    def __str__(self) -> str:
        return f"server {self.server_id} at {self.minute:%H:%M}, {self.within_ms} ms"


class Tool(models.Model):
    """One tool as it was reviewed: its pinned definition and what we know about its risk."""

    class Effect(models.TextChoices):
        READ = "READ", "Reads"
        WRITE = "WRITE", "Writes"

    class Impact(models.TextChoices):
        NONE = "none", "None"
        CUSTOMER_VISIBLE = "customer-visible", "Customer sees it"
        MONEY = "money", "Money"
        ACCOUNT = "account", "Account"

    class Reversible(models.TextChoices):
        YES = "yes", "Yes"
        COMPENSABLE = "compensable", "By a compensating action"
        NO = "no", "No"

    class Repeat(models.TextChoices):
        """What may be done when nobody knows whether a call was carried out."""

        READ = "read", "Read: sending it again harms nobody"
        KEYED = "keyed", "Keyed: the server knows a repeated call by its key"
        RECONCILABLE = "reconcilable", "Reconcilable: a paired read shows whether it happened"
        OPAQUE = "opaque", "Opaque: one attempt ever, then a person"

    class Ownership(models.TextChoices):
        """Whose records the tool reads or changes, and what proves it."""

        CHECKED = "checked", "One customer's: an answer names the owner, who must be the customer of the ticket"
        BOUND = "bound", "One customer's: the host sends the customer's reference along"
        NOBODY = "nobody", "Nobody's: it touches no record of a customer"

    class AmountUnit(models.TextChoices):
        MINOR = "minor", "Whole minor units: 1250 is EUR 12.50"
        MAJOR = "major", "Decimals of the major unit: 12.50 is EUR 12.50"

    server = models.ForeignKey(MCPServer, on_delete=models.PROTECT, related_name="tools")
    name = models.CharField(max_length=60)
    qualified_name = models.CharField(max_length=110, unique=True, help_text="What the model calls.")
    description = models.TextField()
    input_schema = models.JSONField(help_text="As the server declares it, host-bound arguments included.")
    bound_arguments = models.JSONField(default=dict, blank=True, help_text="Argument -> where the host takes it.")
    definition_hash = models.CharField(max_length=64)
    definition = models.JSONField(
        default=dict, blank=True, help_text="Of an imported tool: what its server says about it, as it was pinned."
    )
    effect = models.CharField(max_length=5, choices=Effect)
    impact = models.CharField(max_length=20, choices=Impact, default=Impact.NONE)
    reversible = models.CharField(max_length=12, choices=Reversible, default=Reversible.YES)
    requires_verified = models.BooleanField(default=False, help_text="Only for a customer whose identity is proved.")
    host_only = models.BooleanField(default=False, help_text="Called by our own code, never offered to a model.")
    facts_tool = models.CharField(max_length=110, blank=True, help_text="Read that proves ownership and facts.")
    ownership = models.CharField("whose records", max_length=8, choices=Ownership, blank=True)
    owner_path = models.CharField(
        max_length=200,
        blank=True,
        help_text="Where the answer names the owner, for example order.customerId: of the facts read if there is one, "
        "else of the tool itself.",
    )
    facts_paths = models.JSONField(
        "facts shown",
        default=dict,
        blank=True,
        help_text='What an approver must see: name -> path, for example {"order_status": "order.status"}. Empty: all.',
    )
    read_arguments = models.JSONField(
        "arguments of the paired reads",
        default=dict,
        blank=True,
        help_text='Where a read calls it otherwise: its argument -> that of this tool, {"id": "orderId"}.',
    )
    result_path = models.CharField(
        "part that counts",
        max_length=200,
        blank=True,
        help_text="Of an answer in a wrapper, for example data. Everything beside it is dropped.",
    )
    record_paths = models.JSONField(
        "records for the audit",
        default=dict,
        blank=True,
        help_text='Kind -> path in the result, {"order": "orderId"}: the audit trail then finds order #W123.',
    )
    masks = models.JSONField(
        default=list,
        blank=True,
        help_text='Paths cut out of every result before it is stored, ["payment.cardNumber"]. Nobody sees them here.',
    )
    check_tool = models.CharField(max_length=110, blank=True, help_text="Read that shows the outcome of a write.")
    check_fields = models.JSONField(
        default=list, blank=True, help_text="Fields of the result that the check must confirm."
    )
    subject_argument = models.CharField(max_length=60, blank=True, help_text="What money is counted on.")
    amount_argument = models.CharField(max_length=60, blank=True)
    amount_unit = models.CharField(max_length=5, choices=AmountUnit, default=AmountUnit.MINOR)
    currency_argument = models.CharField(max_length=60, blank=True)
    fixed_currency = models.CharField(
        max_length=3, blank=True, help_text="Where no argument says it: the code of the only currency, EUR."
    )
    destination_arguments = models.JSONField(
        default=list, blank=True, help_text="Arguments that say where something goes: an address, an account."
    )
    tool_class = models.CharField(
        max_length=12,
        choices=Repeat,
        blank=True,
        help_text="Of an imported tool. A built-in one needs none: its receipt proves what happened.",
    )
    timeout_seconds = models.PositiveSmallIntegerField(default=30, help_text="How long an answer may take.")
    reconcile_tool = models.CharField(
        max_length=110, blank=True, help_text="Read taken before and after a reconcilable call."
    )
    reconcile_when = models.JSONField(
        default=list,
        blank=True,
        help_text="Conditions over before, after and arguments; all hold: the call was carried out.",
    )
    what_to_check = models.TextField(blank=True, help_text="What a person looks at when the outcome is unknown.")
    price_micros = models.PositiveBigIntegerField(
        "price per call", default=0, help_text="What its server takes for one call, in US dollars."
    )
    enabled = models.BooleanField(default=True, help_text="Off stops every call of this tool at once.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["qualified_name"]
        permissions = [
            ("use_tool", "Can call the tool"),
            ("approve_tool", "Can approve calls of the tool"),
        ]

    def __str__(self) -> str:
        return self.qualified_name

    @property
    def writes(self) -> bool:
        return self.effect == self.Effect.WRITE

    @property
    def imported(self) -> bool:
        """Whether a server that is not ours carries it out: then nothing but its answer says what it did."""
        return self.server.transport != MCPServer.Transport.BUILTIN

    @property
    def in_major_units(self) -> bool:
        """Whether its server takes the amount as a decimal; here it is whole minor units all the same."""
        return bool(self.amount_argument) and self.amount_unit == self.AmountUnit.MAJOR

    @property
    def arguments_schema(self) -> dict[str, Any]:
        """What arguments keep inside the product: as the server declares it, but for an amount in major units."""
        if not self.in_major_units:
            return self.input_schema  # type: ignore[no-any-return]
        declared: Mapping[str, Any] = self.input_schema["properties"]
        says = str(declared.get(self.amount_argument, {}).get("description", ""))
        amount = {
            "type": "integer",
            "minimum": 1,
            "description": f"{says} In whole minor units (cents): 1250 is 12.50.".strip(),
        }
        return {**self.input_schema, "properties": {**declared, self.amount_argument: amount}}

    @property
    def listen_seconds(self) -> int:
        """How long an answer is listened for after a call was sent; beyond the timeout it is a late one."""
        return self.timeout_seconds * LISTEN_FACTOR

    @property
    def destinations(self) -> frozenset[str]:
        """Arguments that say where something goes: declared ones, and those whose format is that of an address."""
        return frozenset(self.destination_arguments) | addressed(self.input_schema)


class ToolGrant(GroupObjectPermissionBase):
    """A role's right on one tool (guardian), with the rules that its arguments must keep.

    `argument_rules` is a JSON Schema object over the arguments: maximum, enum, pattern.
    """

    content_object = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="grants")
    argument_rules = models.JSONField(default=dict, blank=True)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = "tool grant"

    def __str__(self) -> str:
        return f"{self.group} · {self.permission.codename} · {self.content_object}"


class ToolUserGrant(UserObjectPermissionBase):
    """The same right given to one person directly."""

    content_object = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="user_grants")

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = "personal tool grant"

    def __str__(self) -> str:
        return f"{self.user} · {self.permission.codename} · {self.content_object}"
