"""Six questions that companies ask about their customers, as conditions and as DuckDB would be asked."""

from collections.abc import Mapping
from typing import Any, Final

QUESTIONS: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "count in window": (
        {
            "event": "Page Viewed",
            "count": {"op": "at_least", "value": 5},
            "during": {"last": "P30D"},
        },
        """SELECT count(*) FROM (SELECT person_id FROM event
            WHERE name = 'Page Viewed' AND ts > $now - INTERVAL 30 DAY AND ts <= $now
            GROUP BY 1 HAVING count(*) >= 5)""",
    ),
    "never did": (
        {"none": [{"event": "Order Completed"}]},
        """SELECT count(*) FROM person WHERE id NOT IN
            (SELECT person_id FROM event WHERE name = 'Order Completed' AND ts <= $now)""",
    ),
    "money in window, and a trait": (
        {
            "all": [
                {"trait": "country", "op": "is", "value": "DE"},
                {
                    "total": "sum",
                    "event": "Order Completed",
                    "property": "revenue",
                    "during": {"last": "P90D"},
                    "op": "greater",
                    "value": 300,
                },
            ]
        },
        """SELECT count(*) FROM person JOIN (SELECT person_id FROM event
            WHERE name = 'Order Completed' AND ts > $now - INTERVAL 90 DAY AND ts <= $now
            GROUP BY 1 HAVING sum(revenue) > 300) AS rich ON rich.person_id = person.id
            WHERE country = 'DE'""",
    ),
    "sequence": (
        {
            "sequence": [
                {"event": "Product Added"},
                {"event": "Order Completed", "within": "PT24H", "not": True},
            ],
            "during": {"last": "P30D"},
        },
        """SELECT count(DISTINCT person_id) FROM (
            SELECT person_id, name, ts, lead(CASE WHEN name = 'Order Completed' THEN ts END IGNORE NULLS)
                       OVER (PARTITION BY person_id ORDER BY ts) AS ordered_at
              FROM event WHERE name IN ('Product Added', 'Order Completed')
               AND ts > $now - INTERVAL 30 DAY AND ts <= $now) AS step
            WHERE name = 'Product Added' AND ts <= $now - INTERVAL 24 HOUR
              AND (ordered_at IS NULL OR ordered_at >= ts + INTERVAL 24 HOUR)""",
    ),
    "has been": (
        {
            "has_been": {"trait": "status", "op": "is", "value": "trial"},
            "for": {"op": "at_least", "value": "P60D"},
        },
        """SELECT count(*) FROM (SELECT person_id FROM change WHERE begun_at <= $now GROUP BY 1
            HAVING arg_max(value, begun_at) FILTER (WHERE begun_at <= $now - INTERVAL 60 DAY) = 'trial'
               AND count(*) FILTER (WHERE begun_at > $now - INTERVAL 60 DAY AND value <> 'trial') = 0)""",
    ),
    "nested of segments": (
        {
            "all": [
                {"segment": "bench-odd", "is": "member"},
                {"none": [{"segment": "bench-third", "is": "member"}]},
                {
                    "any": [
                        {"event": "Product Added", "during": {"last": "P7D"}},
                        {"event": "Order Completed"},
                    ]
                },
            ]
        },
        """SELECT count(*) FROM person
            WHERE id IN (SELECT person_id FROM stay WHERE segment = 'bench-odd')
              AND id NOT IN (SELECT person_id FROM stay WHERE segment = 'bench-third')
              AND (id IN (SELECT person_id FROM event WHERE name = 'Product Added'
                           AND ts > $now - INTERVAL 7 DAY AND ts <= $now)
                   OR id IN (SELECT person_id FROM event WHERE name = 'Order Completed' AND ts <= $now))""",
    ),
}
