"""Parent and children: groups, pauses, the database as a child. Whole products are hurt in tests/kill."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from cdp_site.embedded import EmbeddedError, ensure, is_up
from cdp_site.embedded.lock import kept
from cdp_site.processes.child import next_pause
from cdp_site.processes.postgres import Postgres
from tests.site.servers import postmaster, scratch_server

PROGRAMS = settings.EMBEDDED_SERVER.programs
ROOT = settings.BASE_DIR
HANG = 60.0


def run_alone(code: str, *arguments: str | Path) -> None:
    """Run a scene in an interpreter of its own: children are forked from it, and this one has threads."""
    command = [sys.executable, "-c", textwrap.dedent(code), *(str(argument) for argument in arguments)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=HANG)


def wait_for_lines(file: Path, *, number: int) -> list[str]:
    deadline = time.monotonic() + HANG
    while not file.exists() or len(lines := file.read_text().splitlines()) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return lines


def test_child__leads_a_group_that_is_killed_with_it() -> None:
    run_alone("""
        import os, signal, time
        from cdp_site.processes.child import Child, group_members

        def family():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.fork()
            time.sleep(600)

        child = Child("family", family)
        while len(members := child.members()) < 2:
            time.sleep(0.02)
        assert child.pid in members
        time.sleep(0.2)
        child.ask_to_stop()
        assert not child.has_stopped(within=0.3)
        child.kill()
        assert child.exit_code == -signal.SIGKILL
        while group_members(child.pid):
            time.sleep(0.02)
    """)


def test_child__that_obeys_ends_by_itself_and_one_that_exits_tells_its_code() -> None:
    run_alone("""
        import signal, sys, time
        from cdp_site.processes.child import Child

        child = Child("sleeper", lambda: time.sleep(600))
        child.ask_to_stop()
        assert child.has_stopped(within=60)
        assert child.exit_code == -signal.SIGTERM
        child.kill()  # nothing is left, nothing happens
        child = Child("exit", lambda: sys.exit(7))
        assert child.has_stopped(within=60)
        assert child.exit_code == 7
    """)


def test_child__is_no_keeper_of_the_server(tmp_path: Path) -> None:
    run_alone(
        """
        import os, sys, time
        from pathlib import Path
        from cdp_site.embedded import Server
        from cdp_site.embedded.lock import has_keeper, kept
        from cdp_site.processes.child import Child

        server = Server(data_dir=Path(sys.argv[1]))
        with kept(server):
            child = Child("sleeper", lambda: time.sleep(600))
            assert has_keeper(server)
        assert not has_keeper(server)
        child.kill()
        """,
        tmp_path / "data",
    )


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


def test_supervisor__stops_where_the_set_up_fails() -> None:
    run_alone("""
        import signal, sys
        from cdp_site.processes.supervisor import SetUpFailed, Supervisor

        before = signal.getsignal(signal.SIGTERM)
        try:
            Supervisor(server=None, parts=[]).run(set_up=lambda: sys.exit(3), load=lambda: None)
        except SetUpFailed as error:
            assert "3" in str(error)
        else:
            raise AssertionError
        assert signal.getsignal(signal.SIGTERM) is before
    """)


def test_supervisor__runs_what_it_is_told_to_until_a_signal(tmp_path: Path) -> None:
    """A web server that dies is started again; all parts end with the parent."""
    run_alone(
        """
        import os, signal, sys, threading, time
        from pathlib import Path
        from cdp_site.processes.supervisor import Programs, Supervisor

        notes = Path(sys.argv[1])

        def note(word):
            with notes.open("a") as file:
                file.write(word + "\\n")

        def web():
            note("web")
            if notes.read_text().split().count("web") == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(600)

        def cluster(name, *, file):
            assert file.name == f"{name}-1", file
            note(name)
            time.sleep(600)

        supervisor = Supervisor(server=None, parts=["web", "live"])
        supervisor.run(set_up=lambda: note("set-up"), load=lambda: Programs(web=web, cluster=cluster))
        note("end")
        """,
        tmp_path / "notes",
    )
    notes = (tmp_path / "notes").read_text().split()
    assert notes[0] == "set-up"
    assert notes[-1] == "end"
    assert sorted(notes[1:-1]) == ["live", "web", "web"]


def test_reap_strangers__takes_orphans_and_leaves_children_to_their_objects() -> None:
    run_alone("""
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
    """)


def tend_until_up(postgres: Postgres) -> None:
    deadline = time.monotonic() + HANG
    postgres.tend()
    while not is_up(postgres.server):
        assert time.monotonic() < deadline
        postgres.tend()
        time.sleep(0.05)


def test_web__serves_static_files_that_were_collected_while_it_was_loaded(tmp_path: Path) -> None:
    run_alone(
        """
        import os, sys
        os.environ |= {"WAYFARE_DATA": sys.argv[1], "DJANGO_SETTINGS_MODULE": "cdp_site.settings"}
        import django
        django.setup()

        from django.core.management import call_command
        from django.templatetags.static import static
        from django.test import RequestFactory

        from cdp_site.processes import run_web

        call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
        said = []
        application = run_web.load()
        request = RequestFactory(SERVER_NAME="localhost").get(static("app.css"))
        application(request.environ, lambda status, headers: said.append(status))
        assert said == ["200 OK"], said
        """,
        tmp_path,
    )
