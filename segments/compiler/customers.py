"""Everybody who did something, for computed traits: who they are, and where fifths of them begin."""

from psycopg.sql import SQL, Composable, Literal

from segments.compiler.rows import Rows, Scope
from segments.compiler.values import at_key, bounded, number_of
from segments.domain.computed import Definition
from segments.domain.conditions import reads


def customers_query(definition: Definition, scope: Scope, *, key: str, after: int, limit: int) -> Composable:
    """The ids of people whose value a build must look at: who ever did it, or have a value of the trait."""
    return SQL(
        "SELECT person_id FROM (SELECT person_id FROM profiles_persontotal WHERE {named}"
        " UNION SELECT id FROM profiles_person WHERE traits ? {key} AND merged_into_id IS NULL) AS customer"
        " WHERE person_id > {after} ORDER BY person_id LIMIT {limit}"
    ).format(
        named=Rows(scope=scope).named([definition.events.name], SQL("name_id")),
        key=Literal(key),
        after=Literal(after),
        limit=Literal(limit),
    )


def fifths_query(definition: Definition, scope: Scope) -> Composable:
    """One row: the four bounds between fifths of last time, number and sum over all customers."""
    rows = Rows(scope=scope)
    is_zoned = reads(definition.events).needs_zone
    zone = rows.event_zone(is_zoned=is_zoned)
    amount = bounded(number_of(at_key(SQL("e.properties"), definition.path)))
    scan = rows.events(
        SQL("{} AS person_id, max(e.ts) AS last, count(*) AS count, coalesce(sum({}), 0) AS sum").format(
            rows.owner, amount
        ),
        [
            rows.named([definition.events.name]),
            *rows.window(SQL("e.ts"), definition.events.during, zone=zone),
            *(rows.test(test, zone=zone) for test in definition.events.where),
        ],
        is_zoned=is_zoned,
    )
    bounds = SQL("percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY customer.{})")
    return SQL("SELECT {}, {}, {} FROM ({} GROUP BY 1) AS customer").format(
        *(SQL(bounds.as_string(None).replace("{}", column)) for column in ("last", "count", "sum")), scan
    )
