"""All settings, read from the environment; a fresh checkout runs with none set.

Each variable is listed in the README's table of settings, which a test keeps true.
"""

import os
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from environs import env, validate

from cdp_site import embedded, secrets_file
from cdp_site.processes.jobs import SENDERS

BASE_DIR = Path(__file__).resolve().parent.parent
WAYFARE_PG_USER = env.str("WAYFARE_PG_USER", "")  # as root: who runs PostgreSQL
WAYFARE_DATA = embedded.data_directory(
    env.str("WAYFARE_DATA", None), base_dir=BASE_DIR, account=WAYFARE_PG_USER
)
PORT = env.int("PORT", 8000, validate=lambda port: 0 < port < 65536)
WAYFARE_HOST = env.str("WAYFARE_HOST", "127.0.0.1")  # 0.0.0.0 in a container
WEB_WORKERS = env.int("WEB_WORKERS", os.cpu_count() or 2)
WEB_THREADS = env.int("WEB_THREADS", 8)  # per worker, each with a database connection
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
BASE_URL = env.str("BASE_URL", f"http://localhost:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [BASE_URL])
SECRET_KEY = env.str("SECRET_KEY", None) or secrets_file.secret_key(WAYFARE_DATA)

INSTALLED_APPS = [
    "cdp_site",
    "profiles",
    "segments",
    "connectors",
    "journeys",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "anymail",
]
MIDDLEWARE = [
    "connectors.ingest.ahead_of_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "cdp_site.nul.refuse_nul",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "cdp_site.urls"
WSGI_APPLICATION = "cdp_site.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "cdp_site.jinja.environment",
            "trim_blocks": True,
            "lstrip_blocks": True,
            "context_processors": [
                "django.contrib.messages.context_processors.messages",
                "cdp_site.jinja.shell",
            ],
        },
    },
    {  # the stock admin's own templates
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
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

DATABASE_URL = env.str("DATABASE_URL", "")
# The server that we run ourselves while there is no DATABASE_URL.
EMBEDDED_SERVER = embedded.Server(
    data_dir=WAYFARE_DATA, programs=env.str("WAYFARE_PG_BIN", ""), account=WAYFARE_PG_USER
)
DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL, conn_max_age=600)
    if DATABASE_URL
    else embedded.database(EMBEDDED_SERVER)
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("eo", "Pseudo")] if env.bool("PSEUDO_LOCALE", False) else [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = WAYFARE_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "cdp_site" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["cdp_site.tokens.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["cdp_site.bodies.BoundedJson"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "cdp_site.api.problem_details",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {"TITLE": "Wayfare", "VERSION": "1", "SERVE_INCLUDE_SCHEMA": False}

EMAIL_URL = env.str("EMAIL_URL", "")  # absent: mails are kept in the outbox page and sent nowhere
if EMAIL_URL:
    locals().update(env.dj_email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Wayfare <wayfare@localhost>")

EVENT_NAMES_PER_SOURCE = env.int("EVENT_NAMES_PER_SOURCE", 2000)
RULES_ENGINE = env.str("RULES_ENGINE", "auto", validate=validate.OneOf(["auto", "durable", "closures"]))
WAYFARE_ALLOW_PRIVATE_DESTINATIONS = env.bool("WAYFARE_ALLOW_PRIVATE_DESTINATIONS", False)
# How many proxies of ours stand in front and add to X-Forwarded-For; 0: nobody's word is taken for it.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0, validate=lambda count: count >= 0)
# Requests waiting for the drain at which the door says 429; imports are held up at half of it.
INBOX_LIMIT = env.int("INBOX_LIMIT", 200_000, validate=lambda rows: rows > 0)

# Rows are the queue, tasks are wake-ups (cdp_site.broker): nothing is lost where one is lost or doubled.
# `timeout` stays below `retry`, or a task would be handed out again while it runs.
Q_CLUSTER = {
    "name": "wayfare",  # the salt of signed tasks, one for all clusters
    "cluster_name": "bulk",  # who takes ordinary tasks
    "broker_class": "cdp_site.broker.Broker",
    "orm": "default",
    "poll": 1,
    "workers": 1,
    "queue_limit": 4,
    "timeout": 300,
    "retry": 600,
    "max_attempts": 5,
    "save_limit": -1,  # saving successes costs more than the tasks; failures are always kept
    "catch_up": False,
    "recycle": 100_000,
    "max_rss": 600_000,  # kilobytes
    "label": "Tasks",
    "log_level": "WARNING",
    "ALT_CLUSTERS": {
        "live": {"workers": max(2, min(8, os.cpu_count() or 2)), "timeout": 60, "retry": 120},
        "send": {"workers": SENDERS, "timeout": 120, "retry": 240},
    },
}
