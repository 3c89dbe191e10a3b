"""Column types that Django lacks."""

from typing import Any

from django.db import models


class NumericField(models.Field[Any, Any]):
    """PostgreSQL's `numeric` without limits: exact decimals of any size, read as Decimal."""

    description = "Exact decimal"

    def db_type(self, connection: Any) -> str:
        return "numeric"
