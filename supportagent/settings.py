"""Every setting of the project, read once from the environment; `.env.example` documents each."""

from pathlib import Path

import environ

from supportagent.console.csp import STRICT_CSP

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(str(BASE_DIR / ".env"))

ENVIRONMENT = env.str("SUPPORTAGENT_ENV", "development")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("SUPPORTAGENT_DEBUG", False)
DATA_DIR = Path(env.str("SUPPORTAGENT_DATA_DIR", str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = env.str("SUPPORTAGENT_SECRET_KEY", "insecure-default-for-development-only")
ALLOWED_HOSTS = env.list("SUPPORTAGENT_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "unfold.contrib.guardian",
    "unfold.contrib.simple_history",
    "supportagent.console",
    "django.contrib.admin",
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
    "supportagent.workspace",
    "supportagent.widget",
    "supportagent.metrics",
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

DATABASES = {"default": env.db_url("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
        "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=27103364; PRAGMA cache_size=-2000;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_URL = env.str(
    "VALKEY_URL", env.str("REDIS_URL", f"unix://{DATA_DIR / 'valkey' / 'valkey.sock'}?db=0")
)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL]},
    }
}
RQ_QUEUES = {"default": {"URL": VALKEY_URL, "DEFAULT_TIMEOUT": -1}}
RQ_SHOW_ADMIN_LINK = False

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/console/"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
SILENCED_SYSTEM_CHECKS: list[str] = []

CONTENT_SECURITY_POLICY = {"DIRECTIVES": STRICT_CSP}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

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
GRANT_KEY = env.str("SUPPORTAGENT_GRANT_KEY", SECRET_KEY)
GRANT_SECONDS = 120
LEASE_SECONDS = 15
LEASE_RENEW_SECONDS = 5
REAPER_SECONDS = 5
SWEEP_SECONDS = 1
