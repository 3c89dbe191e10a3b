"""Reads a page of somebody's timeline out of seven tables in one statement.

Each branch takes no more rows than the page needs, through the index of its table; the branches are then
merged. A merge moves everything at once but events, which are therefore read in two branches: those under
the person's own id come in the order of the index, those still under merged ids wait for the squash.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, LiteralString

from django.db import connection
from psycopg import sql

from cdp_site.pages.steps import step_names
from cdp_site.pages.timeline.entries import Cursor, Entry, Group, Source
from cdp_site.pages.timeline.groups import TOLD_BY_DELIVERIES, group_of
from journeys.models import JourneyVersion
from profiles.models import PersonTotal

SOURCES_OF: Final[dict[Group, frozenset[Source]]] = {
    Group.WEB: frozenset(),
    Group.ORDERS: frozenset(),
    Group.MESSAGES: frozenset({Source.DELIVERY}),
    Group.JOURNEYS: frozenset({Source.DECISION}),
    Group.PROFILE: frozenset({Source.MERGE, Source.CONSENT, Source.LEFT, Source.ENTERED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a timeline to show; nothing named means all."""

    groups: frozenset[Group] = frozenset()
    words: str = ""
    after: Cursor | None = None  # the last entry that was shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """How one table is read: each piece is SQL over the branch's own tables."""

    source: Source
    select: LiteralString  # a json object for the entry's data
    tables: LiteralString
    where: LiteralString
    at: LiteralString
    tie: LiteralString
    searched: LiteralString  # text that the search for words looks through
    is_event: bool = False


_EVENT: Final[dict[str, LiteralString]] = {
    "select": """jsonb_build_object('name', n.name, 'path', e.path, 'revenue', e.revenue,
        'properties', e.properties, 'context', e.context, 'source', s.name, 'source_id', e.source_id,
        'message_id', e.message_id, 'received_at', e.received_at)""",
    "tables": """profiles_event AS e JOIN profiles_eventname AS n ON n.id = e.name_id
        LEFT JOIN connectors_source AS s ON s.id = e.source_id""",
    "at": "e.ts",
    "tie": "e.arrival",
    "searched": "concat_ws(' ', n.name, e.path, e.properties::text)",
}
BRANCHES: Final = (
    Branch(source=Source.EVENT, where="e.person_id = %(person)s", is_event=True, **_EVENT),
    Branch(source=Source.EVENT, where="e.person_id = ANY(%(merged)s)", is_event=True, **_EVENT),
    Branch(
        source=Source.DELIVERY,
        select="""jsonb_build_object('id', d.id, 'uuid', d.uuid, 'channel', d.channel, 'state', d.state,
            'action', d.action, 'subject', d.rendered->>'subject', 'template', t.name,
            'connection', c.name, 'error', d.last_error, 'sent_at', d.sent_at, 'class', d.message_class,
            'decided_at', d.decided_at,
            'step', d.step, 'attempts', d.attempt_count, 'external_id', d.external_id,
            'journey', j.name, 'journey_slug', j.slug, 'version_id', r.version_id)""",
        tables="""connectors_delivery AS d LEFT JOIN journeys_run AS r ON r.id = d.run_id
            LEFT JOIN connectors_template AS t ON t.id = d.template_id
            LEFT JOIN connectors_connection AS c ON c.id = d.connection_id
            LEFT JOIN journeys_journey AS j ON j.id = d.journey_id""",
        where="d.person_id = %(person)s",
        at="coalesce(d.sent_at, d.decided_at)",
        tie="d.id",
        searched="concat_ws(' ', d.rendered->>'subject', t.name, c.name, d.action, j.name, d.last_error)",
    ),
    Branch(
        source=Source.DECISION,
        select="""jsonb_build_object('id', l.id, 'outcome', l.outcome, 'reason', l.reason, 'step', l.step,
            'tree', l.tree, 'run_id', l.run_id, 'journey', j.name, 'journey_slug', j.slug,
            'version_id', l.version_id)""",
        tables="journeys_decision AS l LEFT JOIN journeys_journey AS j ON j.id = l.journey_id",
        # A decision that made a delivery is told by the delivery.
        where="l.person_id = %(person)s AND l.delivery_id IS NULL",
        at="l.at",
        tie="l.id",
        searched="concat_ws(' ', j.name, l.outcome, l.reason, l.step)",
    ),
    Branch(
        source=Source.ENTERED,
        select="jsonb_build_object('segment', g.name, 'slug', g.slug, 'why', m.why->'entered')",
        tables="segments_membership AS m JOIN segments_segment AS g ON g.id = m.segment_id",
        where="m.person_id = %(person)s",
        at="m.entered_at",
        tie="m.id",
        searched="g.name",
    ),
    Branch(
        source=Source.LEFT,
        select="jsonb_build_object('segment', g.name, 'slug', g.slug, 'why', m.why->'left')",
        tables="segments_membership AS m JOIN segments_segment AS g ON g.id = m.segment_id",
        where="m.person_id = %(person)s AND m.left_at IS NOT NULL",
        at="m.left_at",
        tie="m.id",
        searched="g.name",
    ),
    Branch(
        source=Source.CONSENT,
        select="""jsonb_build_object('category', k.category, 'granted', k.is_granted, 'origin', k.origin,
            'source', s.name)""",
        tables="profiles_consentchange AS k LEFT JOIN connectors_source AS s ON s.id = k.source_id",
        where="k.person_id = %(person)s",
        at="k.at",
        tie="k.id",
        searched="concat_ws(' ', k.category, k.origin)",
    ),
    Branch(
        source=Source.MERGE,
        select="""jsonb_build_object('reason', g.reason, 'evidence', g.evidence, 'actor', g.actor,
            'undone_at', g.undone_at)""",
        tables="profiles_personmerge AS g",
        # Whom this person absorbed may have absorbed others before.
        where="""g.new_person_id IN (
            SELECT %(person)s UNION ALL
            SELECT p.id FROM profiles_person AS p WHERE p.merged_into_id = %(person)s)""",
        at="g.at",
        tie="g.id",
        searched="g.evidence::text",
    ),
)


def entries_of(people: Sequence[int], *, wanted: Wanted, limit: int) -> list[Entry]:
    """Read the newest entries that come after the cursor.

    Args:
        people: the ids that rows of this one person carry, the person's own first.
    """
    event_names = _names_in(people, wanted.groups) if wanted.groups else []
    branches = [
        branch for branch in BRANCHES if _is_wanted(branch, wanted.groups, has_names=bool(event_names))
    ]
    if len(people) == 1:
        branches = [branch for branch in branches if "%(merged)s" not in branch.where]
    if not branches:
        return []
    parts = sql.SQL(" UNION ALL ").join(_read(branch, wanted=wanted) for branch in branches)
    statement = sql.SQL(
        "SELECT * FROM ({}) AS entry ORDER BY at DESC, rank DESC, tie DESC LIMIT %(limit)s"
    ).format(parts)
    values: dict[str, Any] = {
        "person": people[0],
        "merged": list(people[1:]),
        "names": event_names,
        "told": list(TOLD_BY_DELIVERIES),
        "words": f"%{_escaped(wanted.words)}%",
        "limit": limit,
    }
    if wanted.after is not None:
        values |= {"at": wanted.after.at, "rank": wanted.after.rank, "tie": wanted.after.tie}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = [
            (rank, at, tie, json.loads(data, parse_float=Decimal))
            for rank, at, tie, data in cursor.fetchall()
        ]
    names = _step_names({data["version_id"] for _rank, _at, _tie, data in rows if data.get("version_id")})
    return [
        Entry(source=Source(rank), at=at, tie=tie, data=_with_step(data, names))
        for rank, at, tie, data in rows
    ]


def _step_names(versions: Collection[int]) -> dict[int, dict[str, str]]:
    """Names of steps by the version that a run goes by."""
    if not versions:
        return {}
    found = JourneyVersion.objects.filter(pk__in=versions).values_list("pk", "document")
    return {version: step_names(document) for version, document in found}


def _with_step(data: dict[str, Any], names: Mapping[int, Mapping[str, str]]) -> dict[str, Any]:
    if not data.get("step"):
        return data
    return data | {"step_name": names.get(data.get("version_id", 0), {}).get(data["step"], data["step"])}


_READ: Final = sql.SQL(
    "(SELECT {rank} AS rank, {at} AS at, {tie} AS tie, {select} AS data FROM {tables} WHERE {conditions}"
    " ORDER BY {at} DESC, {tie} DESC LIMIT %(limit)s)"
)


def _read(branch: Branch, *, wanted: Wanted) -> sql.Composable:
    pieces = {
        "rank": sql.Literal(branch.source.value),
        "at": sql.SQL(branch.at),
        "tie": sql.SQL(branch.tie),
        "select": sql.SQL(branch.select),
        "tables": sql.SQL(branch.tables),
    }
    conditions: list[sql.Composable] = [sql.SQL(branch.where)]
    if branch.is_event:
        conditions.append(sql.SQL("NOT (n.name = ANY(%(told)s) AND e.properties ? 'delivery')"))
    if branch.is_event and wanted.groups:
        conditions.append(sql.SQL("e.name_id = ANY(%(names)s)"))
    if wanted.words:
        conditions.append(sql.SQL(branch.searched) + sql.SQL(" ILIKE %(words)s"))
    if wanted.after is not None:
        # The first half alone can use the index; the second settles ties.
        after = sql.SQL("{at} <= %(at)s AND ({at}, {rank}, {tie}) < (%(at)s, %(rank)s, %(tie)s)")
        conditions.append(after.format(**pieces))
    return _READ.format(conditions=sql.SQL(" AND ").join(conditions), **pieces)


def _is_wanted(branch: Branch, groups: frozenset[Group], *, has_names: bool) -> bool:
    if not groups:
        return True
    if branch.is_event:
        return has_names
    return any(branch.source in SOURCES_OF[group] for group in groups)


def _names_in(people: Sequence[int], groups: frozenset[Group]) -> list[int]:
    """The event names of these groups that the person's totals know."""
    known = PersonTotal.objects.filter(person_id__in=people).values_list("name_id", "name__name")
    return [name_id for name_id, name in known.distinct() if group_of(name) in groups]


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
