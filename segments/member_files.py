"""Files that name people: CSV with or without a heading, or JSON line by line. Faulty rows cost no others.

What is sent is read line by line and never held as a whole; `FileTooLarge` ends what would be more.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from segments.domain.phrases import Phrase, gettext_noop
from segments.queries import people_by_name

LOOKED_UP: Final = 2_000  # names at once
MOST_FAULTS: Final = 200  # kept to be shown; all are counted
# What a person may be named by.
COLUMNS: Final = ("user_id", "userid", "customer number", "id", "email", "e-mail")
LONGEST_NAME: Final = 512
LOOKED_AT: Final = 8_192  # bytes that tell whether a file is text
LARGEST_FILE: Final = 20_000_000  # bytes
LONGEST_LINE: Final = 100_000  # signs
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class FileTooLarge(Exception):
    """There is more in a file, or in one line of it, than is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """Why a row names nobody."""

    row: int  # counted from 1, the heading included
    phrase: Phrase


@dataclass(slots=True)
class People:
    """Whom a file names."""

    ids: set[int] = field(default_factory=set)
    rows: int = 0
    fault_count: int = 0
    faults: list[RowFault] = field(default_factory=list)

    @property
    def unknown(self) -> list[str]:
        """Names that are nobody's, as far as they are kept."""
        return [str(fault.phrase.values["name"]) for fault in self.faults if "name" in fault.phrase.values]

    def refuse(self, row: int, phrase: Phrase) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(RowFault(row=row, phrase=phrase))


def is_json_lines(name: str) -> bool:
    """Whether a file's name says that it is JSON line by line."""
    return name.endswith((".jsonl", ".ndjson"))


def is_text(file: Any) -> bool:
    """Whether an uploaded file begins like text: spreadsheets and pictures hold a zero byte early on."""
    start: bytes = file.read(LOOKED_AT)
    file.seek(0)
    return b"\0" not in start


def lines_of(file: Any) -> Iterator[str]:
    """The lines of a request's body or of an uploaded file. Raises FileTooLarge."""
    read = io.BufferedReader(_Counted(file))
    text = io.TextIOWrapper(read, encoding="utf-8-sig", errors="replace", newline="")
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise FileTooLarge
        yield line


class _Counted(io.RawIOBase):
    """What was sent, as the standard library reads files."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = LARGEST_FILE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some: bytes = self._file.read(len(buffer))
        self._left -= len(some)
        if self._left < 0:
            raise FileTooLarge
        buffer[: len(some)] = some
        return len(some)


def people_in(lines: Iterable[str], *, is_json: bool) -> People:
    """Find the people that a file names by customer number, public id or email address."""
    people = People()
    some: list[tuple[int, str]] = []
    for row, name in _names(lines, is_json=is_json):
        people.rows += 1
        if isinstance(name, Phrase):
            people.refuse(row, name)
        else:
            some.append((row, name))
        if len(some) == LOOKED_UP:
            _look_up(some, people)
            some = []
    _look_up(some, people)
    people.faults.sort(key=lambda fault: fault.row)
    return people


def _look_up(some: Sequence[tuple[int, str]], people: People) -> None:
    found = people_by_name([name for _, name in some])
    for row, name in some:
        if name in found:
            people.ids.add(found[name])
        else:
            people.refuse(row, Phrase(gettext_noop("nobody is known as “{name}”"), {"name": name[:80]}))


def _names(lines: Iterable[str], *, is_json: bool) -> Iterator[tuple[int, str | Phrase]]:
    read = _json_names(lines) if is_json else _csv_names(lines)
    for row, name in read:
        if isinstance(name, Phrase):
            yield row, name
        elif not name or len(name) > LONGEST_NAME or _UNSTORABLE.search(name):
            yield row, Phrase(gettext_noop("names nobody"))
        else:
            yield row, name


def _csv_names(lines: Iterable[str]) -> Iterator[tuple[int, str | Phrase]]:
    place = row = 0
    rest = iter(lines)
    first = next(rest, "")
    delimiter = ";" if ";" in first else ","
    try:
        for row, cells in enumerate(csv.reader(chain([first], rest), delimiter=delimiter), start=1):
            if not any(cells):
                continue
            headings = [cell.strip().lower() for cell in cells]
            if row == 1 and (known := [name for name in COLUMNS if name in headings]):
                place = headings.index(known[0])
                continue
            yield row, cells[place].strip() if place < len(cells) else ""
    except csv.Error as error:
        yield row + 1, Phrase(gettext_noop("is no CSV: {reason}"), {"reason": str(error)})


def _json_names(lines: Iterable[str]) -> Iterator[tuple[int, str | Phrase]]:
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield row, Phrase(gettext_noop("is no JSON"))
            continue
        if isinstance(value, dict):
            value = next((value[name] for name in COLUMNS if value.get(name)), None)
        is_name = isinstance(value, str | int) and not isinstance(value, bool)
        yield row, str(value).strip() if is_name else ""
