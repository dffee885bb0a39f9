"""Every setting of the project, read once from the environment; `.env.example` documents each."""

import os
from datetime import timedelta
from pathlib import Path

from supportagent.console.csp import STRICT_CSP
from supportagent.console.theme import PRIMARY
from supportagent.environment import Environment, SettingError, derive_key
from supportagent.logs import LEVELS, log_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment.from_process(BASE_DIR / ".env")

ENVIRONMENT = env.choice("SUPPORTAGENT_ENV", "development", ("development", "test", "production"))
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.flag("SUPPORTAGENT_DEBUG", False)
DATA_DIR = env.folder("SUPPORTAGENT_DATA_DIR", BASE_DIR / "var")
# Set by asgi.py: the web process pools its database connections, every other process keeps one per thread.
WEB_PROCESS = os.environ.get("SUPPORTAGENT_PROCESS") == "web"

DEVELOPMENT_SECRET = "insecure-default-for-development-only"  # noqa: S105 - refused in production, below
SECRET_KEY = env.secret("SUPPORTAGENT_SECRET_KEY", DEVELOPMENT_SECRET)
# Earlier keys, comma-separated: what they sealed or signed stays readable while the key is changed.
SECRET_KEY_FALLBACKS = [
    key.strip() for key in env.secret("SUPPORTAGENT_SECRET_KEY_FALLBACKS").split(",") if key.strip()
]
ALLOWED_HOSTS = env.names(
    "SUPPORTAGENT_ALLOWED_HOSTS", () if PRODUCTION else ("localhost", "127.0.0.1", "[::1]", "testserver")
)
if PRODUCTION:
    if SECRET_KEY == DEVELOPMENT_SECRET:
        raise SettingError("SUPPORTAGENT_SECRET_KEY", "is missing, and production refuses the default secret")
    if len(SECRET_KEY) < 32:
        raise SettingError("SUPPORTAGENT_SECRET_KEY", "is shorter than 32 characters, which production refuses")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise SettingError("SUPPORTAGENT_ALLOWED_HOSTS", "must name the hosts that production serves, without *")
    if DEBUG:
        raise SettingError("SUPPORTAGENT_DEBUG", "is on, which production refuses")

# Where browsers reach the console. Sent to the widget and used in links of messages.
PUBLIC_URL = env.address("SUPPORTAGENT_PUBLIC_URL", "" if PRODUCTION else "http://127.0.0.1:8000")
if PRODUCTION and not PUBLIC_URL:
    raise SettingError("SUPPORTAGENT_PUBLIC_URL", "is missing, and the widget needs the address of this console")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.guardian",
    "unfold.contrib.simple_history",
    "supportagent.console",
    "supportagent.console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "guardian",
    "simple_history",
    "django_rq",
    "axes",
    "csp",
    "channels",
    "supportagent.changes",  # first: it reads governed rows as they were before others touch them
    "audit",
    "supportagent.staff",
    "supportagent.grants",
    "supportagent.tools",
    "supportagent.tickets",
    "supportagent.store",
    "supportagent.knowledge",
    "supportagent.engineering",
    "approvals",
    "agents",
    "supportagent.quality",
    "supportagent.rehearsal",
    "supportagent.workspace",
    "supportagent.widget",
    "supportagent.metrics",
    "supportagent.explain",
    "supportagent.start",
    "supportagent.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.middleware.audit_context",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "supportagent.urls"
ASGI_APPLICATION = "supportagent.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_POOL = env.number("SUPPORTAGENT_DATABASE_POOL", 16, at_least=2, at_most=200)
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
        "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=27103364; PRAGMA cache_size=-2000;",
    }
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    if WEB_PROCESS:
        # Requests come and go on many threads; a pool bounds what they hold. It must close at once on return.
        DATABASES["default"]["CONN_MAX_AGE"] = 0
        DATABASES["default"]["OPTIONS"]["pool"] = {
            "min_size": 2,
            "max_size": DATABASE_POOL,
            "timeout": 5,
        }
    else:
        # A worker's thread keeps its connection: opening one would stand between an approval and its effect.
        DATABASES["default"]["CONN_MAX_AGE"] = None
        DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_SOCKET = DATA_DIR / "valkey" / "valkey.sock"
VALKEY_URL = env.valkey(("VALKEY_URL", "REDIS_URL"), f"unix://{VALKEY_SOCKET}?db=0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL]},
    }
}
# No job timeout: a run has its own deadline, and its lease decides when somebody else may go on.
RQ_QUEUES = {"default": {"URL": VALKEY_URL, "DEFAULT_TIMEOUT": -1}}
RQ = {"COMMIT_MODE": "on_db_commit"}
RQ_SHOW_ADMIN_LINK = False

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "supportagent.demo.logins.RefuseDemoPassword",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/console/"
LOGOUT_REDIRECT_URL = LOGIN_URL
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_TEMPLATE = "429.html"
SILENCED_SYSTEM_CHECKS: list[str] = []

CONTENT_SECURITY_POLICY = {"DIRECTIVES": STRICT_CSP}
# The menu comes from `supportagent.console.navigation`; `ConsoleSite` hands it to Unfold.
UNFOLD = {
    "SITE_TITLE": "Support Agent",
    "SITE_HEADER": "Support Agent",
    "SITE_SYMBOL": "support_agent",
    "SITE_URL": "/console/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "supportagent.console.theme.favicon"},
    ],
    "STYLES": ["supportagent.console.theme.admin_stylesheet"],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": PRIMARY},
    "LOGIN": {"form": "supportagent.console.forms.LoginForm"},
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {"show_search": False, "command_search": False, "show_all_applications": False},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = env.folder("SUPPORTAGENT_STATIC_ROOT", DATA_DIR / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # Without collectstatic whitenoise serves straight from the apps: a demo has nothing to build.
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
# Sizes are read at start otherwise, and a file edited while the server runs is cut off.
WHITENOISE_AUTOREFRESH = not PRODUCTION

HTTPS_ONLY = env.flag("SUPPORTAGENT_HTTPS_ONLY", PRODUCTION)
BEHIND_PROXY = env.flag("SUPPORTAGENT_BEHIND_PROXY", False)
HSTS_SECONDS = env.number("SUPPORTAGENT_HSTS_SECONDS", 3600)
if PRODUCTION:
    # Anybody can send this header: believe it only where a proxy in front always sets it.
    if BEHIND_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = HTTPS_ONLY
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
    SECURE_HSTS_SECONDS = HSTS_SECONDS if HTTPS_ONLY else 0
    SECURE_HSTS_INCLUDE_SUBDOMAINS = False
    # The probes of an orchestrator speak plain HTTP to the process itself.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# What a Prometheus server shows to read /metrics; without one there is no such page.
METRICS_TOKEN = env.secret("SUPPORTAGENT_METRICS_TOKEN")

LOGGING = log_settings(as_json=PRODUCTION, level=env.choice("SUPPORTAGENT_LOG_LEVEL", "INFO", LEVELS))

# The domain servers that run in process: name -> dotted path of a `DomainServer`.
MCP_SERVERS = {
    "tickets": "supportagent.tickets.mcp_server.server",
    "store": "supportagent.store.mcp_server.server",
    "knowledge": "supportagent.knowledge.mcp_server.server",
    "engineering": "supportagent.engineering.mcp_server.server",
}
# Model providers: alias -> dotted path of a class with `complete(request)`.
MODEL_PROVIDERS = {
    "openai_responses": "agents.providers.openai_responses.OpenAIResponses",
    "openai_chat": "agents.providers.openai_chat.OpenAIChat",
    "scripted": "agents.providers.scripted.Scripted",
    "offline": "supportagent.demo.offline_model.OfflineModel",
}
# Which provider an agent without one of its own uses. No key and no server of one's own: the demo's planner.
OPENAI_API_KEY = env.secret("OPENAI_API_KEY")
OPENAI_BASE_URL = env.address("OPENAI_BASE_URL")
DEMO_PROVIDERS = ("offline", "scripted")
_provider = "openai_chat" if OPENAI_BASE_URL else "openai_responses" if OPENAI_API_KEY else "offline"
DEFAULT_MODEL_PROVIDER = env.choice("SUPPORTAGENT_MODEL_PROVIDER", _provider, MODEL_PROVIDERS)
if PRODUCTION:
    # Neither an environment variable nor a row of the admin can reach them: there is nothing to resolve.
    MODEL_PROVIDERS = {name: path for name, path in MODEL_PROVIDERS.items() if name not in DEMO_PROVIDERS}
MODEL_CONNECT_SECONDS = env.seconds("SUPPORTAGENT_MODEL_CONNECT_SECONDS", 5)
MODEL_READ_SECONDS = env.seconds("SUPPORTAGENT_MODEL_READ_SECONDS", 60)  # longest silence in one reply
MODEL_SECONDS = env.seconds("SUPPORTAGENT_MODEL_SECONDS", 90)  # one model call with its retries
# What is a loop, counted since the customer last wrote: then a person has the ticket, and an alert is opened.
MAX_IDENTICAL_CALLS = 4  # of one tool with the same arguments
MAX_ROUNDS_OF_CALLS = 3  # of two or more calls that follow each other in the same order, as in A B A B A B
MAX_TURNS_WITHOUT_NEWS = 4  # whose answers were all known before, while nobody said or changed anything
# How often agents may pass a conversation on, and how many turns they may take together, before a person has it:
# counted since the customer last wrote.
MAX_HAND_OFFS = env.number("SUPPORTAGENT_MAX_HAND_OFFS", 4, at_least=1)
MAX_CHAIN_TURNS = env.number("SUPPORTAGENT_MAX_CHAIN_TURNS", 30, at_least=2)
MODEL_STREAM = env.flag("SUPPORTAGENT_MODEL_STREAM", False)
DEFAULT_MODEL = env.text("SUPPORTAGENT_MODEL", "offline-demo" if DEFAULT_MODEL_PROVIDER == "offline" else "gpt-5-mini")
SCRIPTED_MODEL_FILE = env.text("SUPPORTAGENT_SCRIPTED_MODEL_FILE")  # the answers of the `scripted` provider
# What the offline model pretends to cost (micro-units per million tokens), so that budgets and costs show.
NOMINAL_PRICES = {"offline": (400_000, 1_600_000), "scripted": (400_000, 1_600_000)}

# The mail server, and who mails are from. Without a server nobody gets mail.
_mail = env.mail("EMAIL_URL", "off" if PRODUCTION else "console")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_BACKEND"], _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["EMAIL_USE_TLS"], _mail["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 10  # seconds, of each step of a conversation with the server
NOTIFY_BY_EMAIL = not EMAIL_BACKEND.endswith(".dummy.EmailBackend")
DEFAULT_FROM_EMAIL = env.text(
    "SUPPORTAGENT_EMAIL_FROM", "" if PRODUCTION and NOTIFY_BY_EMAIL else "Support Agent <no-reply@localhost>"
)
if not DEFAULT_FROM_EMAIL:
    raise SettingError("SUPPORTAGENT_EMAIL_FROM", "is missing, and EMAIL_URL names a mail server")
# Internal hosts, as `host` or `host:port`, that webhooks and imported tool servers may nevertheless reach.
INTERNAL_HOSTS = env.names("SUPPORTAGENT_INTERNAL_HOSTS")
# What loosens the rules waits for a second admin. Off: every page says so.
SECOND_ADMIN = env.flag("SUPPORTAGENT_SECOND_ADMIN", True)
# Where outside MCP clients reach the granted tools: the audience of their tokens.
MCP_URL = f"{PUBLIC_URL}/mcp"
# Requests per minute that one access token may make there.
MCP_REQUESTS_PER_MINUTE = env.number("SUPPORTAGENT_MCP_REQUESTS_PER_MINUTE", 240, at_least=1)
# How long a call that needs no person may keep its client waiting before it is told "under way".
MCP_WAIT_SECONDS = env.seconds("SUPPORTAGENT_MCP_WAIT_SECONDS", 3, at_most=20)
# Whether the programs of imported stdio servers may be run. Whoever may add one can run anything as our user.
MCP_STDIO = env.flag("SUPPORTAGENT_MCP_STDIO", not PRODUCTION)
# The circuit of an imported server: it opens after so many failures in a row, for a pause that doubles up to a limit.
MCP_CIRCUIT_FAILURES = env.number("SUPPORTAGENT_MCP_CIRCUIT_FAILURES", 5, at_least=1)
MCP_CIRCUIT_SECONDS = env.seconds("SUPPORTAGENT_MCP_CIRCUIT_SECONDS", 10)
MCP_CIRCUIT_LIMIT_SECONDS = env.seconds("SUPPORTAGENT_MCP_CIRCUIT_LIMIT_SECONDS", 600)
# Hosts that a reply may link to; links to others lose their target.
LINK_HOSTS = env.names("SUPPORTAGENT_LINK_HOSTS")
# The team that gets a customer's new thread.
FRONT_DESK_TEAM = env.text("SUPPORTAGENT_FRONT_DESK_TEAM", "orders")

# A message within so many days after a ticket ended goes on with it; what was resolved longer ago is closed.
REOPEN_DAYS = env.number("SUPPORTAGENT_REOPEN_DAYS", 7, at_least=0)
# A ticket is resolved when the customer has said nothing for so many hours after our last reply. 0: never.
SILENT_HOURS = env.number("SUPPORTAGENT_SILENT_HOURS", 72, at_least=0)

# The sample shop, its pages and its log-ins with a published password.
DEMO_PAGES = env.flag("SUPPORTAGENT_DEMO_PAGES", not PRODUCTION)
SHOP_URL = env.address("SUPPORTAGENT_SHOP_URL", "http://127.0.0.1:8001" if DEMO_PAGES else "")

# How many requests may wait for a person at once; then an agent is refused instead of burying people in cards.
PENDING_APPROVALS_PER_TICKET = env.number("SUPPORTAGENT_PENDING_APPROVALS_PER_TICKET", 5, at_least=1)
PENDING_APPROVALS_PER_CUSTOMER = env.number("SUPPORTAGENT_PENDING_APPROVALS_PER_CUSTOMER", 10, at_least=1)
PENDING_APPROVALS_PER_AGENT = env.number("SUPPORTAGENT_PENDING_APPROVALS_PER_AGENT", 200, at_least=1)
# From which amount on, in whole units of its currency, a request counts as one of high value in the queue.
HIGH_VALUE = env.number("SUPPORTAGENT_HIGH_VALUE", 200, at_least=1)

# What people judge of the agents' work (supportagent/quality): how many items in a week, at most how many of one
# stratum, and of how many in a hundred a second person's word is wanted. The seed keeps the choice unforeseeable.
LABELS_PER_WEEK = env.number("SUPPORTAGENT_LABELS_PER_WEEK", 120)
LABELS_PER_STRATUM = env.number("SUPPORTAGENT_LABELS_PER_STRATUM", 5, at_least=2)
LABELS_TWICE_PERCENT = env.number("SUPPORTAGENT_LABELS_TWICE_PERCENT", 20, at_most=100)
LABELS_SEED = env.secret("SUPPORTAGENT_LABELS_SEED", derive_key(SECRET_KEY, "labels"))

GRANT_KEY = env.secret("SUPPORTAGENT_GRANT_KEY", derive_key(SECRET_KEY, "grant"))
GRANT_SECONDS = env.number("SUPPORTAGENT_GRANT_SECONDS", 120, at_least=5, at_most=3600)
# How long the page of a ticket waits for a call that its reader made, before it says "under way".
DIRECT_CALL_WAIT_SECONDS = env.number("SUPPORTAGENT_DIRECT_CALL_WAIT_SECONDS", 2, at_least=0, at_most=10)
LEASE_SECONDS = env.seconds("SUPPORTAGENT_LEASE_SECONDS", 15)
CAPABILITY_SECONDS = env.seconds("SUPPORTAGENT_CAPABILITY_SECONDS", 300)
LEASE_RENEW_SECONDS = env.seconds("SUPPORTAGENT_LEASE_RENEW_SECONDS", 5)
REAPER_SECONDS = env.seconds("SUPPORTAGENT_REAPER_SECONDS", 5)
SWEEP_SECONDS = env.seconds("SUPPORTAGENT_SWEEP_SECONDS", 1)
JOB_LOST_AFTER = timedelta(seconds=env.seconds("SUPPORTAGENT_JOB_LOST_SECONDS", 5))  # then the sweep enqueues again
WORKER_THREADS = env.number("SUPPORTAGENT_WORKER_THREADS", 16, at_least=1, at_most=256)
# Calls of one imported server at once in a worker process, so that one that hangs does not hold all its threads.
MCP_CALLS_PER_SERVER = env.number("SUPPORTAGENT_MCP_CALLS_PER_SERVER", max(WORKER_THREADS // 2, 1), at_least=1)
if LEASE_RENEW_SECONDS * 2 > LEASE_SECONDS:
    raise SettingError("SUPPORTAGENT_LEASE_RENEW_SECONDS", "must be at most half of SUPPORTAGENT_LEASE_SECONDS")

env.warn_unknown("SUPPORTAGENT_")
