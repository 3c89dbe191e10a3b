"""All members of a segment as a file, written while it is read: its length costs no memory."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from segments.models import Segment
from segments.queries import MemberLine, all_members

FORMATS: Final[Mapping[str, str]] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_FIXED: Final = ("id", "user_id", "email", "name", "entered_at")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_PORTION: Final = 500  # lines handed over at once


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def exported(segment: Segment, *, columns: Sequence[str], to: str, search: str = "") -> Iterator[str]:
    """The members, or those whom a search finds, the last to enter first, in one of `FORMATS`."""
    members = all_members(segment, columns=columns, search=search)
    lines = _csv(members, columns) if to == "csv" else _jsonl(members, columns)
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if len(gathered) >= _PORTION:
            yield "".join(gathered)
            gathered.clear()
    yield "".join(gathered)


def _csv(members: Iterator[MemberLine], columns: Sequence[str]) -> Iterator[str]:
    columns = [key for key in dict.fromkeys(columns) if key not in _FIXED]  # each heading once
    writer = csv.writer(_Echo())
    yield writer.writerow([*_FIXED, *(_harmless(key) for key in columns)])
    for member in members:
        fixed, traits = _values(member), member.traits
        yield writer.writerow(
            [_harmless(fixed[name]) for name in _FIXED] + [_harmless(traits.get(key)) for key in columns]
        )


def _jsonl(members: Iterator[MemberLine], columns: Sequence[str]) -> Iterator[str]:
    for member in members:
        document = _values(member) | {"traits": {key: member.traits.get(key) for key in columns}}
        yield json.dumps(document, ensure_ascii=False, default=str) + "\n"


def _values(member: MemberLine) -> dict[str, str]:
    return {
        "id": str(member.person.uuid),
        "user_id": member.person.user_id,
        "email": member.person.email,
        "name": member.person.naming.name,
        "entered_at": member.entered_at.isoformat(),
    }


def _harmless(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value, ensure_ascii=False, default=str)
