"""What the demo prints: each thing that must have happened, beside what did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    expected: Any = field(kw_only=True)
    found: Any = field(kw_only=True)

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)


@dataclass(slots=True)
class Report:
    """All findings, by part of the demo."""

    parts: list[tuple[str, Sequence[Finding]]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)  # why a part could not be looked at

    @property
    def is_good(self) -> bool:
        """Whether everything was looked at and everything held."""
        found = [finding for _, part in self.parts for finding in part]
        return bool(found) and not self.troubles and all(finding.holds for finding in found)

    def add(self, title: str, findings: Iterable[Finding]) -> None:
        self.parts.append((title, list(findings)))

    def lines(self) -> list[str]:
        """The report as text, one line a finding."""
        told: list[str] = []
        for title, findings in self.parts:
            told += ["", title, *(_line(finding) for finding in findings)]
        told += ["", *(f"  NOT DONE  {trouble}" for trouble in self.troubles)] if self.troubles else []
        findings = [finding for _, part in self.parts for finding in part]
        held = sum(finding.holds for finding in findings)
        return [*told, "", f"{held} of {len(findings)} findings are as they must be."]


def _line(finding: Finding) -> str:
    mark = "ok " if finding.holds else "NOT"
    what = f"  {mark}  {finding.what:<52} {_shown(finding.found)}"
    return what if finding.holds else f"{what}, must be {_shown(finding.expected)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "nothing"
    return f"{value:,}" if isinstance(value, int) else str(value)
