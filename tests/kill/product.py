"""A running product on a scratch data directory, to be hurt."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from cdp_site.embedded import Server
from cdp_site.embedded.place import clusters
from cdp_site.processes.child import group_members
from cdp_site.processes.jobs import JOBS
from cdp_site.processes.vitals import Vitals, Worker

ROOT = Path(__file__).resolve().parents[2]
HANG = 120.0  # seconds: only to notice a hang


class Product:
    """`manage.py up`, and ways to look at its processes and its database."""

    def __init__(self, *, directory: Path, port: int, environment: dict[str, str]) -> None:
        self.directory = directory
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in _INHERITED_NOT},
            "WAYFARE_DATA": str(directory),
            "PORT": str(port),
            **environment,
        }
        self.server = Server(data_dir=directory, programs=self.environment.get("WAYFARE_PG_BIN", ""))
        self.log = directory.with_name(f"{directory.name}.log")
        self._parent: subprocess.Popen[bytes] | None = None

    @property
    def parent(self) -> subprocess.Popen[bytes]:
        assert self._parent is not None, "not started"
        return self._parent

    def start(self) -> None:
        """Start it and wait until it takes messages and works them off."""
        with self.log.open("ab") as log:
            self._parent = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_until(self.is_ready, what=f"the product is ready; see {self.log}")
        wait_until(lambda: all(self.is_beating(cluster) for cluster in JOBS), what="all clusters beat")

    def stop(self) -> int:
        """Ask it to stop and give its exit code; nothing of it may be left."""
        groups = self.groups()
        self.parent.send_signal(signal.SIGTERM)
        code = self.parent.wait(timeout=HANG)
        left = {pid for group in groups for pid in group_members(group)}
        assert not left, f"left over: {[psutil.Process(pid).cmdline() for pid in left]}"
        return code

    def end(self) -> None:
        """End it however it is, and remove its data."""
        if self._parent is not None and self._parent.poll() is None:
            code = self.stop()
            assert code == 0, f"it ended with {code}; see {self.log}"
        shutil.rmtree(self.directory, ignore_errors=True)

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py on it and give its output."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def groups(self) -> set[int]:
        """The process groups of its children."""
        return {child.pid for child in psutil.Process(self.parent.pid).children()}

    def is_ready(self) -> bool:
        assert self.parent.poll() is None, (
            f"it ended by itself; see {self.log}:\n{self.log.read_text()[-2000:]}"
        )
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(
            **self.server.address(dbname="wayfare"), autocommit=True, connect_timeout=5
        ) as connection:
            yield connection

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask its database, patiently: it may be recovering."""
        deadline = time.monotonic() + HANG
        while True:
            try:
                with self.connect() as database:
                    cursor = database.execute(statement, parameters)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def vitals(self, cluster: str) -> Vitals | None:
        """The shared table of a running cluster: the newest of its files that the parent has open."""
        try:
            files = [Path(entry.path) for entry in psutil.Process(self.parent.pid).memory_maps()]
        except psutil.Error:
            return None
        tables = [file for file in files if file.name.startswith(f"{cluster}-") and file.exists()]
        newest = max(tables, key=lambda file: int(file.name.rpartition("-")[2]), default=None)
        return Vitals(newest) if newest else None

    def leader(self, cluster: str) -> int | None:
        """The process a cluster began with."""
        vitals = self.vitals(cluster)
        return vitals.leader_pid or None if vitals else None

    def workers(self, cluster: str) -> list[Worker]:
        """The living workers of a cluster."""
        leader, vitals = self.leader(cluster), self.vitals(cluster)
        if leader is None or vitals is None:
            return []
        members = group_members(leader)
        return [worker for worker in vitals.workers() if worker.pid in members]

    def is_beating(self, cluster: str) -> bool:
        """Whether a worker of the cluster began a task in the last two seconds."""
        vitals = self.vitals(cluster)
        return vitals is not None and time.monotonic() - vitals.started_at < 2

    def web_leader(self) -> int:
        """The process that the web workers are children of; 0 while there is none."""
        for child in psutil.Process(self.parent.pid).children():
            try:
                if child.name() == "wayfare web":
                    return child.pid
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return 0

    def web_workers(self) -> list[int]:
        leader = self.web_leader()
        return [worker for worker in group_members(leader) if worker != leader] if leader else []

    def postmaster(self) -> int:
        (cluster,) = clusters(self.directory).values()
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])


_INHERITED_NOT = {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "SECRET_KEY"}


@contextmanager
def running_product(**environment: str) -> Iterator[Product]:
    """A product of its own, gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="wayfare-kill-", dir="/tmp"))
    base.chmod(0o755)  # the database's user must get through
    product = Product(directory=base / "data", port=free_port(), environment=environment)
    try:
        product.start()
        yield product
    finally:
        product.end()
        shutil.rmtree(base, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], *, what: str, within: float = HANG) -> float:
    """Wait for a condition and give the seconds it took."""
    begun_at = time.monotonic()
    while not condition():
        assert time.monotonic() - begun_at < within, f"still not after {within:.0f} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun_at
