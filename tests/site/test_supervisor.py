"""Parent and children: groups, pauses, the database as a child. Whole products are hurt in tests/kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from cdp_site.embedded import EmbeddedError, ensure, is_up
from cdp_site.embedded.lock import kept
from cdp_site.processes.child import Child, Spec, group_members, next_pause
from cdp_site.processes.postgres import Postgres
from cdp_site.processes.supervisor import SetupFailed, Supervisor
from tests.site.servers import postmaster, scratch_server

PROGRAMS = settings.EMBEDDED_SERVER.programs
ROOT = settings.BASE_DIR
HANG = 60.0

# A program with a child, both deaf to SIGTERM; each writes a line when it is ready.
FAMILY = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
open(sys.argv[1], "a").write("ready\\n")
time.sleep(600)
"""


def python(code: str, *arguments: str | Path) -> Spec:
    command = (sys.executable, "-c", code, *(str(argument) for argument in arguments))
    return Spec(name="test", command=command, directory=ROOT)


def wait_for_lines(file: Path, *, number: int) -> list[str]:
    deadline = time.monotonic() + HANG
    while not file.exists() or len(lines := file.read_text().splitlines()) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return lines


def test_child__leads_a_group_that_is_killed_with_it(tmp_path: Path) -> None:
    child = Child(python(FAMILY, tmp_path / "ready"))
    wait_for_lines(tmp_path / "ready", number=2)
    members = child.members()
    assert len(members) == 2
    assert child.pid in members
    child.ask_to_stop()
    assert not child.has_stopped(within=0.3)
    child.kill()
    assert child.exit_code == -signal.SIGKILL
    deadline = time.monotonic() + HANG
    while group_members(child.pid):
        assert time.monotonic() < deadline


def test_child__that_obeys_ends_by_itself() -> None:
    child = Child(python("import time; time.sleep(600)"))
    child.ask_to_stop()
    assert child.has_stopped(within=HANG)
    assert child.exit_code == -signal.SIGTERM
    child.kill()  # nothing is left, nothing happens


@pytest.mark.parametrize(
    ("previous", "age", "pause"),
    [
        (0.0, 100.0, 0.0),
        (30.0, 6.0, 0.0),
        (0.0, 0.1, 0.5),
        (0.5, 1.0, 1.0),
        (20.0, 1.0, 30.0),
        (30.0, 1.0, 30.0),
    ],
)
def test_next_pause__grows_only_while_a_child_dies_young(previous: float, age: float, pause: float) -> None:
    assert next_pause(previous, age=age) == pause


def test_die_with_parent__ends_a_child_whose_parent_was_killed(tmp_path: Path) -> None:
    child = "from cdp_site.processes.parent import die_with_parent; die_with_parent(); " + (
        "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])"
    process = subprocess.Popen([sys.executable, "-c", parent, tmp_path / "pid"], cwd=ROOT)
    (pid,) = wait_for_lines(tmp_path / "pid", number=1)
    process.kill()
    process.wait()
    deadline = time.monotonic() + HANG
    while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_postgres__is_our_child_and_is_brought_back() -> None:
    with scratch_server(programs=PROGRAMS) as server, kept(server):
        postgres = Postgres(server)
        postgres.start(may_create_account=False)
        first = postmaster(server)
        assert psutil.Process(first).ppid() == os.getpid()
        os.kill(first, signal.SIGKILL)
        tend_until_up(postgres)
        assert postmaster(server) != first
        assert psutil.Process(postmaster(server)).ppid() == os.getpid()
        postgres.stop()
        assert not is_up(server)


def test_postgres__takes_over_a_server_that_runs_already() -> None:
    with scratch_server(programs=PROGRAMS) as server:
        ensure(server)
        before = postmaster(server)
        with kept(server):
            postgres = Postgres(server)
            postgres.start(may_create_account=False)
            assert postmaster(server) == before
            os.kill(before, signal.SIGKILL)
            time.sleep(1.1)  # it looks once a second
            tend_until_up(postgres)
            assert psutil.Process(postmaster(server)).ppid() == os.getpid()
            postgres.stop()
            assert not is_up(server)


def test_postgres__that_cannot_start_says_why() -> None:
    with scratch_server(programs=PROGRAMS) as server:
        ensure(server)
        with kept(server):
            postgres = Postgres(server)
            postgres.start(may_create_account=False)
            postgres.stop()
            configuration = next(server.data_dir.glob("pg*")) / "postgresql.conf"
            configuration.write_text(configuration.read_text() + "\nnonsense = 1\n")
            with pytest.raises(EmbeddedError, match="nonsense"):
                Postgres(server).start(may_create_account=False)


def test_supervisor__stops_where_a_first_command_fails() -> None:
    supervisor = Supervisor(server=None, parts=[], directory=ROOT)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SetupFailed, match="nonsense"):
        supervisor.run(before=[["nonsense"]])
    assert signal.getsignal(signal.SIGTERM) is before


def test_reap_strangers__takes_orphans_and_leaves_children_to_their_objects() -> None:
    code = """
import ctypes, os, subprocess, sys, time
import psutil
from cdp_site.processes.supervisor import reap_strangers
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become ours, as if we were process 1
orphan = subprocess.run(
    [sys.executable, "-c", "import os; pid = os.fork(); print(pid) if pid else os._exit(0)"],
    stdout=subprocess.PIPE, start_new_session=True, text=True,
)
pid = int(orphan.stdout)
while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
    time.sleep(0.01)
reap_strangers()
assert not psutil.pid_exists(pid)
ours = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], start_new_session=True)
while psutil.Process(ours.pid).status() != psutil.STATUS_ZOMBIE:
    time.sleep(0.01)
reap_strangers()
assert ours.wait() == 7
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=HANG)


def tend_until_up(postgres: Postgres) -> None:
    deadline = time.monotonic() + HANG
    postgres.tend()
    while not is_up(postgres.server):
        assert time.monotonic() < deadline
        postgres.tend()
        time.sleep(0.05)
