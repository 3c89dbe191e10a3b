"""The WSGI application: the ingest door, and behind it everything else."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp_site.settings")
_django = get_wsgi_application()  # sets up the apps, which the door's module needs

from connectors.ingest import in_front_of  # noqa: E402

application = in_front_of(_django)
