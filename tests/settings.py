"""The product's settings; only speed, and a server of its own, differ."""

import hashlib
import os

from cdp_site import embedded
from cdp_site.settings import *  # noqa: F403
from cdp_site.settings import DATABASE_URL, DATABASES, WAYFARE_DATA, WAYFARE_PG_USER

# `make test PG_BIN=/usr/lib/postgresql/15/bin` runs on another PostgreSQL, in a cluster of its own.
_PROGRAMS = os.environ.get("PG_BIN") or os.environ.get("WAYFARE_PG_BIN", "")
_SUFFIX = f"-{hashlib.sha256(_PROGRAMS.encode()).hexdigest()[:8]}" if _PROGRAMS else ""

WAYFARE_DATA = WAYFARE_DATA / f"test{_SUFFIX}"
EMBEDDED_SERVER = embedded.Server(
    data_dir=WAYFARE_DATA, programs=_PROGRAMS, account=WAYFARE_PG_USER, is_disposable=True
)
if not DATABASE_URL:
    DATABASES = {"default": embedded.database(EMBEDDED_SERVER) | {"CONN_HEALTH_CHECKS": True}}
# Of this process alone: two runs at once must not drop each other's database (tests/conftest.py cleans up).
DATABASES["default"]["TEST"] = {"NAME": f"test_wayfare_{os.getpid()}"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT = WAYFARE_DATA / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    # No manifest: a test must not depend on collectstatic having run.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True  # looks for files when asked, so that the directory need not be there
