"""The program of a task cluster."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django_q.cluster import Cluster
from django_q.conf import Conf

from cdp_site import tasks  # noqa: F401  # loaded once, before anything is forked
from cdp_site.processes import pulse


def run_cluster(name: str, *, file: Path) -> None:
    """Run the cluster until SIGTERM, in a process of its own.

    Args:
        file: where its table of vitals is.
    """
    become(name)
    pulse.enter(name, file=file)
    pulse.vitals.note_leader()
    Cluster().start()  # the process ends when its sentinel does


def become(name: str) -> None:
    """Put the settings of one cluster in force. django-q2 does so only while it is imported."""
    Conf.CLUSTER_NAME = name
    config: dict[str, Any] = settings.Q_CLUSTER
    for key, value in config["ALT_CLUSTERS"].get(name, {}).items():
        setattr(Conf, key.upper(), value)
