"""Program of one task cluster: `python -m cdp_site.processes.run_cluster`, its name in Q_CLUSTER_NAME."""

import os
import signal

import django

from cdp_site.processes.parent import die_with_parent


def main() -> None:
    """Run until SIGTERM."""
    die_with_parent(signal.SIGTERM)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp_site.settings")
    django.setup()
    # After set-up: both read the settings as they are imported.
    from django_q.cluster import Cluster

    from cdp_site import tasks  # noqa: F401  # loaded once, before the cluster forks its workers

    Cluster().start()


if __name__ == "__main__":
    main()
