"""The program of the web server."""

import importlib
from typing import Any

from django.conf import settings
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from cdp_site.processes.parent import die_with_parent

# Loaded once, before anything is forked. The application is made later: at that moment it reads which static
# files there are, and those are collected meanwhile.
importlib.import_module(settings.ROOT_URLCONF)


def run_web() -> None:
    """Serve until SIGTERM, in a process of its own."""
    server = Server(
        "cdp_site.wsgi:application",
        address=settings.WAYFARE_HOST,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WEB_WORKERS,
        blocking_threads=settings.WEB_THREADS,
        # An idle thread is ended with its database connection; one per thread is what we have anyway.
        blocking_threads_idle_timeout=600,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_level=LogLevels.error,
    )
    server.serve(target_loader=load, wrap_loader=False)


def load() -> Any:
    """Make the application, in a worker process."""
    die_with_parent()
    from cdp_site.wsgi import application

    return application
