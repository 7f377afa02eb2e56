"""All settings, read once from the environment; docs/reference/settings.md explains each."""

import logging
from pathlib import Path
from typing import Any

from celery.schedules import schedule
from django.urls import reverse_lazy

from memos_project.admin_site import UNFOLD as UNFOLD
from memos_project.env import GRAPH_SCHEMES, broker_of, connections, env, secret_key
from memos_project.observability import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
MEMOS_HOME = Path(env.str("MEMOS_HOME", default=str(BASE_DIR / ".memos"))).resolve()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = secret_key(MEMOS_HOME)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "memos_project.tenancy",
    "memos_project.local",
    "memos_project.api",
    "memories",
    "graph",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_filters",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "memos_project.tenancy.throttles.rate_limit_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "memos_project.tenancy.middleware.admin_tenant",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "memos_project.urls"
WSGI_APPLICATION = "memos_project.wsgi.application"
APPEND_SLASH = False

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
            ],
        },
    },
]

# -- Servers -----------------------------------------------------------------------------------------
# What is not named by a URL is the embedded server of MEMOS_HOME.

CONNECTIONS = connections(MEMOS_HOME)
REDIS_URL = CONNECTIONS.redis_url
QDRANT_URL = env.str("QDRANT_URL", default="")
QDRANT_API_KEY = env.str("QDRANT_API_KEY", default="")
NEO4J_URL = env.address("NEO4J_URL", schemes=GRAPH_SCHEMES)


def _database(url: str, **options: Any) -> dict[str, Any]:
    config: dict[str, Any] = env.db_url_config(url)
    config["ENGINE"] = "memos_project.postgresql"
    config.setdefault("OPTIONS", {}).update(options)
    return config


DATABASES = {
    # The role that serves: it owns nothing, so row-level security holds it.
    "default": _database(
        CONNECTIONS.database_url,
        pool={
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=16, minimum=1),
            "timeout": 10,
            "max_idle": 60,
        },
        prepare_threshold=5,
    ),
    # The role that owns the tables: migrations and index building only.
    "owner": _database(CONNECTIONS.database_owner_url),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Celery ------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=broker_of(REDIS_URL))
CELERY_TASK_IGNORE_RESULT = True
# Every task may run twice: a worker that is killed gives its task back.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A web request must not wait for a broker that is down: the sweep will find the row.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "connect_retries_timeout": 1,
    "socket_timeout": 5,
    "visibility_timeout": 120,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep-index-backlog": {
        "task": "memories.tasks.sweep_index_backlog",
        "schedule": schedule(env.float("MEMOS_SWEEP_SECONDS", default=10.0, minimum=0.1)),
        # What is not taken before the next one is due is not worth having.
        "options": {"expires": env.float("MEMOS_SWEEP_SECONDS", default=10.0, minimum=0.1)},
    },
    "sweep-unread": {
        "task": "memories.tasks.sweep_unread",
        "schedule": schedule(30.0),
        "options": {"expires": 30.0},
    },
    "sweep-consolidation": {
        "task": "memories.tasks.sweep_consolidation",
        "schedule": schedule(env.float("MEMOS_CONSOLIDATION_SECONDS", default=3600.0, minimum=1.0)),
        "options": {"expires": env.float("MEMOS_CONSOLIDATION_SECONDS", default=3600.0, minimum=1.0)},
    },
    "take-up-consolidations": {
        "task": "memories.tasks.take_up_consolidations",
        "schedule": schedule(60.0),
        "options": {"expires": 60.0},
    },
    "decay-notes": {
        "task": "memories.tasks.decay_notes",
        "schedule": schedule(3600.0),
        "options": {"expires": 3600.0},
    },
    "sweep-graph-backlog": {
        "task": "graph.tasks.sweep_graph_backlog",
        "schedule": schedule(env.float("MEMOS_SWEEP_SECONDS", default=10.0, minimum=0.1)),
        "options": {"expires": env.float("MEMOS_SWEEP_SECONDS", default=10.0, minimum=0.1)},
    },
    "count-text-statistics": {"task": "memories.tasks.count_text_statistics", "schedule": schedule(60.0)},
    "drop-expired-prompts": {"task": "memories.tasks.drop_expired_prompts", "schedule": schedule(600.0)},
    "flush-accesses": {"task": "memories.tasks.flush_accesses", "schedule": schedule(30.0)},
    # Several times within MEMOS_SCRATCHPAD_MARGIN_SECONDS.
    "promote-ending-scratchpads": {
        "task": "memories.tasks.promote_ending_scratchpads",
        "schedule": schedule(5.0),
        "options": {"expires": 5.0},
    },
    "drop-old-idempotency-keys": {
        "task": "memories.tasks.drop_old_idempotency_keys",
        "schedule": schedule(3600.0),
    },
}

# -- Web ---------------------------------------------------------------------------------------------

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
# A batch of 1,000 long memories is one request; single fields have limits of their own.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MEMOS_MAX_REQUEST_BYTES", default=64 * 1024 * 1024, minimum=1)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["memos_project.tenancy.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["memos_project.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["memos_project.tenancy.throttles.TenantRateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["memos_project.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["memos_project.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "memos_project.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "memos_project.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "memOS",
    "DESCRIPTION": "Memory and tool-discovery hub for AI agents.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "KindEnum": "memories.models.Memory.Kind",
        "EntityKindEnum": "graph.models.Entity.Kind",
        "ConsolidationStateEnum": "memories.models.ConsolidationRun.State",
        "StepStateEnum": "memories.models.ConsolidationStep.State",
        "RoleEnum": "memories.models.Memory.Role",
        "TierEnum": "memories.models.Memory.Tier",
        "HealthStatusEnum": ["ok", "degraded", "down"],
        "StoredStatusEnum": ["created", "duplicate", "updated"],
        "StoredItemStatusEnum": ["created", "duplicate", "error"],
    },
}

# -- memOS -------------------------------------------------------------------------------------------

MEMOS_RATE_LIMIT_TENANT = env.int("MEMOS_RATE_LIMIT_TENANT", default=60_000, minimum=1)
MEMOS_RATE_LIMIT_KEY = env.int("MEMOS_RATE_LIMIT_KEY", default=30_000, minimum=1)
MEMOS_MAX_CONTENT_CHARACTERS = env.int("MEMOS_MAX_CONTENT_CHARACTERS", default=200_000, minimum=1)
MEMOS_MAX_BATCH = env.int("MEMOS_MAX_BATCH", default=1000, minimum=1)
MEMOS_MAX_TOP_K = env.int("MEMOS_MAX_TOP_K", default=200, minimum=1)
MEMOS_WAIT_SECONDS = env.float("MEMOS_WAIT_SECONDS", default=30.0, minimum=0)

MEMOS_VECTORS = {
    "default": (
        {
            "BACKEND": "memories.vectors.qdrant.QdrantIndex",
            "OPTIONS": {"url": QDRANT_URL, "api_key": QDRANT_API_KEY or None},
        }
        if QDRANT_URL
        else {"BACKEND": "memories.vectors.pgvector.PgVectorIndex", "OPTIONS": {}}
    )
}
MEMOS_GRAPH = {
    "default": (
        {"BACKEND": "graph.stores.neo4j.Neo4jStore", "OPTIONS": {"url": NEO4J_URL}}
        if NEO4J_URL
        else {"BACKEND": "graph.stores.postgres.PostgresStore", "OPTIONS": {}}
    )
}
MEMOS_GRAPH_TIMEOUT = env.float("MEMOS_GRAPH_TIMEOUT", default=5.0, minimum=0.01)
MEMOS_EMBEDDING_THREADS = env.int("MEMOS_EMBEDDING_THREADS", default=1, minimum=1)
MEMOS_INDEX_BATCH = env.int("MEMOS_INDEX_BATCH", default=128, minimum=1)
MEMOS_INDEX_LEASE_SECONDS = env.float("MEMOS_INDEX_LEASE_SECONDS", default=30.0, minimum=1)
MEMOS_INDEX_MAX_ATTEMPTS = env.int("MEMOS_INDEX_MAX_ATTEMPTS", default=8, minimum=1)
# Working memory: seconds and bytes.
MEMOS_WORKING_TTL = env.int("MEMOS_WORKING_TTL", default=3600, minimum=1)
MEMOS_WORKING_MAX_TTL = env.int("MEMOS_WORKING_MAX_TTL", default=30 * 24 * 3600, minimum=1)
MEMOS_WORKING_MAX_BYTES = env.int("MEMOS_WORKING_MAX_BYTES", default=256 * 1024, minimum=1)
MEMOS_WORKING_QUOTA_BYTES = env.int("MEMOS_WORKING_QUOTA_BYTES", default=64 * 1024 * 1024, minimum=1)
MEMOS_SCRATCHPAD_MAX_ENTRIES = env.int("MEMOS_SCRATCHPAD_MAX_ENTRIES", default=500, minimum=1)
MEMOS_SCRATCHPAD_MAX_BYTES = env.int("MEMOS_SCRATCHPAD_MAX_BYTES", default=1024 * 1024, minimum=1)
MEMOS_SCRATCHPAD_MARGIN_SECONDS = env.int("MEMOS_SCRATCHPAD_MARGIN_SECONDS", default=30, minimum=10)
MEMOS_BLACKBOARD_MAX_POSTS = env.int("MEMOS_BLACKBOARD_MAX_POSTS", default=100_000, minimum=1)
MEMOS_BLACKBOARD_MAX_BYTES = env.int("MEMOS_BLACKBOARD_MAX_BYTES", default=16 * 1024 * 1024, minimum=1)
# Half of the threads in memos_project/local/web.py.
MEMOS_WAITERS = env.int("MEMOS_WAITERS", default=4, minimum=1)
MEMOS_PROMOTION_THRESHOLD = env.float("MEMOS_PROMOTION_THRESHOLD", default=0.35, minimum=0, maximum=1)

# The LLM cache, per tenant.
MEMOS_LLM_CACHE_TTL = env.int("MEMOS_LLM_CACHE_TTL", default=24 * 3600, minimum=1)
MEMOS_LLM_CACHE_MAX_ENTRIES = env.int("MEMOS_LLM_CACHE_MAX_ENTRIES", default=200_000, minimum=1)
MEMOS_LLM_CACHE_MAX_BYTES = env.int("MEMOS_LLM_CACHE_MAX_BYTES", default=256 * 1024 * 1024, minimum=1)
MEMOS_LLM_CACHE_MAX_ENTRY_BYTES = env.int("MEMOS_LLM_CACHE_MAX_ENTRY_BYTES", default=1024 * 1024, minimum=1)
MEMOS_LLM_CACHE_THRESHOLD = env.float("MEMOS_LLM_CACHE_THRESHOLD", default=0.84, minimum=0, maximum=1)
MEMOS_LLM_CACHE_LEASE_SECONDS = env.float("MEMOS_LLM_CACHE_LEASE_SECONDS", default=60.0, minimum=0.001)

# The OpenAI-compatible service behind /v1/openai/.
MEMOS_OPENAI_UPSTREAM_URL = env.address("MEMOS_OPENAI_UPSTREAM_URL", schemes=("http", "https"))
MEMOS_OPENAI_UPSTREAM_KEY = env.str("MEMOS_OPENAI_UPSTREAM_KEY", default="")
MEMOS_OPENAI_UPSTREAM_TIMEOUT = env.float("MEMOS_OPENAI_UPSTREAM_TIMEOUT", default=600.0, minimum=0.001)
MEMOS_OPENAI_UPSTREAM_CALLS = env.int("MEMOS_OPENAI_UPSTREAM_CALLS", default=4, minimum=1)
MEMOS_OPENAI_WAIT_SECONDS = env.float("MEMOS_OPENAI_WAIT_SECONDS", default=30.0, minimum=0)

# The OpenAI-compatible service that reads entities and relations from texts; without one, rules do.
MEMOS_EXTRACTION_LLM_URL = env.address("MEMOS_EXTRACTION_LLM_URL", schemes=("http", "https"))
MEMOS_EXTRACTION_LLM_KEY = env.str("MEMOS_EXTRACTION_LLM_KEY", default="")
MEMOS_EXTRACTION_LLM_MODEL = env.str("MEMOS_EXTRACTION_LLM_MODEL") if MEMOS_EXTRACTION_LLM_URL else ""
MEMOS_EXTRACTION_LLM_TIMEOUT = env.float("MEMOS_EXTRACTION_LLM_TIMEOUT", default=60.0, minimum=0.001)

# Notes: how like (cosine) memories must be that become one, and by how much less what it cites counts from then on.
MEMOS_CONSOLIDATION_LIKENESS = env.float(
    "MEMOS_CONSOLIDATION_LIKENESS", default=0.4, minimum=0.0, maximum=1.0
)
MEMOS_CONSOLIDATION_RECEDE = env.float("MEMOS_CONSOLIDATION_RECEDE", default=0.97, minimum=0.0, maximum=1.0)
MEMOS_NOTE_HALF_LIFE_DAYS = env.float("MEMOS_NOTE_HALF_LIFE_DAYS", default=90.0, minimum=0.01)
# The OpenAI-compatible service that writes notes; without one, sentences are chosen.
MEMOS_CONSOLIDATION_LLM_URL = env.address("MEMOS_CONSOLIDATION_LLM_URL", schemes=("http", "https"))
MEMOS_CONSOLIDATION_LLM_KEY = env.str("MEMOS_CONSOLIDATION_LLM_KEY", default="")
MEMOS_CONSOLIDATION_LLM_MODEL = (
    env.str("MEMOS_CONSOLIDATION_LLM_MODEL") if MEMOS_CONSOLIDATION_LLM_URL else ""
)
MEMOS_CONSOLIDATION_LLM_TIMEOUT = env.float("MEMOS_CONSOLIDATION_LLM_TIMEOUT", default=120.0, minimum=0.001)

# How long an answer may be given again while nothing changes; 0 never.
MEMOS_RECALL_CACHE_SECONDS = env.float("MEMOS_RECALL_CACHE_SECONDS", default=30.0, minimum=0)
# Scopes up to this many rows per square root of all rows are searched exactly; see docs/explanation/recall.md.
MEMOS_EXACT_SEARCH_FACTOR = env.float("MEMOS_EXACT_SEARCH_FACTOR", default=39.0, minimum=0)

LOGGING = logging_config(
    level=env.choice("LOG_LEVEL", "INFO", among=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    json=env.bool("LOG_JSON", default=False),
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
PROMETHEUS_EXPORT_MIGRATIONS = False
