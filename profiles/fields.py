"""Column types that Django lacks."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Field = models.Field[Decimal | None, Decimal | None]
else:
    _Field = models.Field  # not subscriptable at run time


class NumericField(_Field):
    """PostgreSQL's `numeric` without limits: exact decimals of any size, read as Decimal."""

    description = "Exact decimal"

    def db_type(self, connection: Any) -> str:
        return "numeric"
