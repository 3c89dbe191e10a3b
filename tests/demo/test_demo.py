"""The demonstration itself, as `make demo ONCE=1` runs it."""

import os
import shutil
import socket
import subprocess
import sys

import pytest
from django.conf import settings as ours
from pytest_django import Settings

from cdp_site.demo import place

_SECONDS = 600  # five times what it takes; only a hang lasts longer


@pytest.mark.full
def test_demo__everything_held() -> None:
    data = ours.WAYFARE_DATA / "demonstration"
    try:
        run = subprocess.run(
            [sys.executable, "manage.py", "demo", "--once"],
            cwd=ours.BASE_DIR,
            env={
                **{name: value for name, value in os.environ.items() if name != place.MARK},
                "DJANGO_SETTINGS_MODULE": "cdp_site.settings",
                "WAYFARE_DATA": str(data),
                "PORT": str(free_port()),
            },
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    finally:
        shutil.rmtree(data, ignore_errors=True)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "NOT" not in run.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_place__a_port_in_use_is_refused_before_anything_is_removed() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        with pytest.raises(place.Occupied, match="another"):
            place.refuse_if_occupied(port=other.getsockname()[1])


def test_place__data_and_database_are_its_own() -> None:
    chosen = place.environment(port=8123)

    assert chosen["WAYFARE_DATA"] == str(ours.WAYFARE_DATA / "demo")
    assert chosen["BASE_URL"] == "http://localhost:8123"
    assert chosen["EMAIL_URL"] == ""
    assert not place.is_here()


def test_place__beside_a_database_of_the_company(settings: Settings) -> None:
    settings.DATABASE_URL = "postgres://me:pw@db.example:5433/wayfare?sslmode=require"

    chosen = place.environment(port=8123)["DATABASE_URL"]

    assert chosen == "postgres://me:pw@db.example:5433/wayfare_demo?sslmode=require"
