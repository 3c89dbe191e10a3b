import os
import time
from pathlib import Path
from uuid import uuid4

from connectors.journal import KEPT_SECONDS, Journal, Mark

MAIL = uuid4()


def test_last_mark__how_far_an_attempt_came(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.last_mark(MAIL, attempt=1) is None
    journal.note(MAIL, attempt=1, mark=Mark.HANDED_OVER)
    assert journal.last_mark(MAIL, attempt=1) is Mark.HANDED_OVER
    journal.note(MAIL, attempt=1, mark=Mark.TAKEN)
    assert journal.last_mark(MAIL, attempt=1) is Mark.TAKEN
    assert journal.last_mark(MAIL, attempt=2) is None
    assert journal.last_mark(MAIL, attempt=11) is None
    assert journal.last_mark(uuid4(), attempt=1) is None
    journal.close()


def test_last_mark__of_another_process(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:  # the worker that dies
        Journal(tmp_path).note(MAIL, attempt=3, mark=Mark.TAKEN)
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert Journal(tmp_path).last_mark(MAIL, attempt=3) is Mark.TAKEN


def test_machine__names_the_directory(tmp_path: Path) -> None:
    assert Journal(tmp_path / "a").machine == Journal(tmp_path / "a").machine
    assert Journal(tmp_path / "a").machine != Journal(tmp_path / "b").machine


def test_note__old_notes_are_swept(tmp_path: Path) -> None:
    old, young = tmp_path / "1.log", tmp_path / "2.log"
    for file, age in ((old, KEPT_SECONDS + 60), (young, 60)):
        file.write_text("")
        os.utime(file, (time.time() - age, time.time() - age))
    journal = Journal(tmp_path)
    journal.note(MAIL, attempt=1, mark=Mark.TAKEN)
    journal.close()
    assert not old.exists()
    assert young.exists()
