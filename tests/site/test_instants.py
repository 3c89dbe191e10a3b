"""Instants of rows, as the pipeline reads them."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection

from cdp_site.instants import InstantLoader


def read(text: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        (value,) = cursor.fetchone()
    assert isinstance(value, datetime)
    return value


@pytest.mark.django_db
def test_instants__are_read_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(InstantLoader.__base__, "load")  # the general loader is not asked
    for written, expected in (
        ("2026-06-01 12:00+02", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ("2026-06-01 12:00:00.25+00", datetime(2026, 6, 1, 12, microsecond=250_000, tzinfo=UTC)),
        ("0001-01-01 00:00:00.000001+00", datetime(1, 1, 1, microsecond=1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime.max.replace(tzinfo=UTC)),
    ):
        found = read(written)
        assert (found, found.tzinfo) == (expected, UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["infinity", "0044-03-15 12:00+00 BC"])
def test_instants__outside_of_what_python_knows(text: str) -> None:
    with pytest.raises(DataError, match=r"timestamp|BC"):
        read(text)
