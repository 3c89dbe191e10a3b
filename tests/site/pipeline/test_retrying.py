"""Which errors mean "again" and which mean that a message is at fault."""

import psycopg
import pytest
from django.db import DatabaseError, DataError, InterfaceError, OperationalError

from cdp_site.pipeline.retrying import is_passing


def caused(error: DatabaseError, cause: psycopg.Error) -> DatabaseError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(InterfaceError("closed"), True, id="a closed connection"),
        pytest.param(caused(OperationalError(), psycopg.OperationalError("lost")), True, id="a lost one"),
        pytest.param(caused(OperationalError(), psycopg.errors.DeadlockDetected()), True, id="a deadlock"),
        pytest.param(caused(OperationalError(), psycopg.errors.AdminShutdown()), True, id="a shutdown"),
        pytest.param(caused(DataError(), psycopg.errors.NumericValueOutOfRange()), False, id="bad data"),
        pytest.param(caused(DataError(), psycopg.DataError("year 20000")), False, id="the driver refuses"),
        pytest.param(ValueError("x"), False, id="a fault of ours"),
    ],
)
def test_is_passing(error: Exception, expected: bool) -> None:
    assert is_passing(error) is expected
