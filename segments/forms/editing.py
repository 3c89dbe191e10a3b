"""What can be done to rows: add, duplicate, move, remove, change their kind; undo and redo.

A command is the value of a button, `<verb>:<row>[:<kind>]`. One that no longer fits, because the page was
old, changes nothing and says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.core import signing
from django.utils.translation import gettext as _

from segments.forms.rows import (
    DEEPEST_GROUP,
    HOLDS,
    MOST_ROWS,
    NODES,
    BadForm,
    Kind,
    Row,
    from_state,
    to_state,
)

MOST_STATES: Final = 25
_SALT: Final = "segments.forms.history"
_EVENTFUL: Final = {"count_op": "at_least", "count": "1", "during": "ever"}
_FRESH: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.GROUP: {"op": "any"},
    Kind.EVENT: {**_EVENTFUL, "during": "last", "during_amount": "30", "during_unit": "days"},
    Kind.TRAIT: {"op": "text:is"},
    Kind.TOTAL: {
        "total": "sum",
        "op": "number:at_least",
        "during": "last",
        "during_amount": "90",
        "during_unit": "days",
    },
    Kind.LAST: {"which": "last"},
    Kind.SEQUENCE: {"during": "ever"},
    Kind.HAS_BEEN: {"op": "text:is", "for_op": "at_least", "for_amount": "7", "for_unit": "days"},
    Kind.SEGMENT: {"is": "member", "during": "ever"},
    Kind.BUCKET: {"low": "0", "high": "50"},
    Kind.ENGAGEMENT: {
        "engagement": "opened",
        **_EVENTFUL,
        "during": "last",
        "during_amount": "30",
        "during_unit": "days",
    },
    Kind.CONSENT: {"consent": "email_marketing", "is": "granted"},
    Kind.KNOWN: {"known": "email"},
    Kind.CONTEXT: {"op": "text:is"},
    Kind.WHERE: {"source": "property", "op": "text:is"},
    Kind.HAD: {"source": "property", "op": "text:is"},
    Kind.ITEM: {"source": "property", "op": "text:is"},
}
_PARTS_OF_NEW: Final[Mapping[Kind, Sequence[Kind]]] = {
    Kind.SEQUENCE: (Kind.STEP, Kind.STEP),
    Kind.LAST: (Kind.HAD,),
    Kind.GROUP: (Kind.EVENT,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command came to."""

    focus: str = ""  # the row to go on with
    said: str = ""  # in a sentence, for everybody


def perform(root: Row, command: str) -> Done:
    """Change rows as a button says."""
    verb, _colon, rest = command.partition(":")
    id_, _colon, word = rest.partition(":")
    place = _places(root).get(id_)
    if verb not in _VERBS or place is None:
        return Done(said=_("That part is no longer there.")) if command else Done()
    return _VERBS[verb](_Change(root=root, row=place[0], parent=place[1]), word)


@dataclass(slots=True, kw_only=True)
class _Change:
    root: Row
    row: Row
    parent: Row | None

    def next_id(self) -> str:
        return f"r{max(int(row.id[1:]) for row in self.root.walk()) + 1}"

    def siblings(self) -> list[Row]:
        """Those of its kind beside it: tests of one sort, steps, or the conditions of a group."""
        if self.parent is None:
            return [self.row]
        return self.parent.nodes if self.row.kind in NODES else self.parent.parts(self.row.kind)


def _places(root: Row) -> dict[str, tuple[Row, Row | None]]:
    found: dict[str, tuple[Row, Row | None]] = {root.id: (root, None)}
    for row in root.walk():
        found |= {child.id: (child, row) for child in row.children}
    return found


def depth_of(root: Row, row: Row) -> int:
    """How many groups stand around a group."""
    places, depth = _places(root), 0
    parent = places[row.id][1]
    while parent is not None:
        depth, parent = depth + 1, places[parent.id][1]
    return depth


def fresh_row(kind: Kind, *, id_: str) -> Row:
    """A new row; what can be guessed is filled in."""
    return Row(id=id_, kind=kind, fields=dict(_FRESH.get(kind, {})))


def _add(change: _Change, word: str) -> Done:
    if word not in list(Kind) or Kind(word) not in HOLDS.get(change.row.kind, ()):
        return Done(said=_("That cannot be added here."))
    if sum(1 for _row in change.root.walk()) >= MOST_ROWS - 3:
        return Done(said=_("A condition cannot have more parts than this."))
    kind = Kind(word)
    if kind is Kind.GROUP and depth_of(change.root, change.row) >= DEEPEST_GROUP:
        return Done(focus=change.row.id, said=_too_deep())
    row = fresh_row(kind, id_=change.next_id())
    change.row.children.append(row)
    for part in _PARTS_OF_NEW.get(kind, ()):
        row.children.append(fresh_row(part, id_=change.next_id()))
    if kind is Kind.GROUP and change.row.get("op") == "any":
        row.fields["op"] = "all"
    return Done(focus=row.children[0].id if kind is Kind.GROUP else row.id)


def _too_deep() -> str:
    return _(
        "Groups go no deeper than this: few could read it. Make the inner part a segment of its own"
        " and ask for its members here."
    )


def _duplicate(change: _Change, word: str) -> Done:
    if change.parent is None or sum(1 for _row in change.root.walk()) * 2 > MOST_ROWS:
        return Done(said=_("That cannot be duplicated."))
    names: dict[str, str] = {}
    number = int(change.next_id()[1:])

    def copied(row: Row) -> Row:
        nonlocal number
        names[row.id] = f"r{number}"
        number += 1
        return Row(
            id=names[row.id],
            kind=row.kind,
            fields=dict(row.fields),
            children=[copied(child) for child in row.children],
        )

    twin = copied(change.row)
    for row in twin.walk():
        by = row.get("by")
        verb, colon, step = by.partition(":")
        if colon and step in names:
            row.fields["by"] = f"{verb}:{names[step]}"
    change.parent.children.insert(change.parent.children.index(change.row) + 1, twin)
    return Done(focus=twin.id, said=_("Duplicated."))


def _remove(change: _Change, word: str) -> Done:
    if change.parent is None:
        return Done()
    siblings = change.siblings()
    at = siblings.index(change.row)
    change.parent.children.remove(change.row)
    near = siblings[at - 1] if at else change.parent
    return Done(focus=near.id, said=_("Removed. Undo brings it back."))


def _moved(by: int) -> Callable[[_Change, str], Done]:
    def move(change: _Change, word: str) -> Done:
        siblings = change.siblings()
        at = siblings.index(change.row) + by
        if change.parent is None or not 0 <= at < len(siblings):
            return Done(focus=change.row.id, said=_("It cannot go further."))
        mine, other = (change.parent.children.index(row) for row in (change.row, siblings[at]))
        children = change.parent.children
        children[mine], children[other] = children[other], children[mine]
        said = _("Now %(place)d of %(number)d.") % {"place": at + 1, "number": len(siblings)}
        return Done(focus=change.row.id, said=said)

    return move


def _wrap(change: _Change, word: str) -> Done:
    if change.parent is None or change.row.kind not in NODES:
        return Done()
    inner = max(
        (depth_of(change.row, row) for row in change.row.walk() if row.kind is Kind.GROUP), default=-1
    )
    if depth_of(change.root, change.parent) + inner + 2 > DEEPEST_GROUP:
        return Done(focus=change.row.id, said=_too_deep())
    group = fresh_row(Kind.GROUP, id_=change.next_id())
    change.parent.children[change.parent.children.index(change.row)] = group
    group.children.append(change.row)
    return Done(focus=group.id, said=_("Now in a group of its own."))


def _unwrap(change: _Change, word: str) -> Done:
    if change.parent is None or change.row.kind is not Kind.GROUP:
        return Done()
    at = change.parent.children.index(change.row)
    change.parent.children[at : at + 1] = change.row.children
    return Done(focus=change.parent.id, said=_("The group is dissolved; its conditions are here now."))


_VERBS: Final[Mapping[str, Callable[[_Change, str], Done]]] = {
    "add": _add,
    "dup": _duplicate,
    "del": _remove,
    "up": _moved(-1),
    "down": _moved(1),
    "wrap": _wrap,
    "unwrap": _unwrap,
}


def take_kinds(root: Row) -> None:
    """Turn rows into the kind that somebody chose for them; what both kinds have stays."""
    for row in root.walk():
        for place, child in enumerate(row.children):
            word = child.fields.pop("kind", child.kind.value)
            if word == child.kind or word not in NODES or child.kind not in NODES:
                continue
            row.children[place] = _turned(child, Kind(word), root)


def _turned(row: Row, kind: Kind, root: Row) -> Row:
    turned = fresh_row(kind, id_=row.id)
    if kind in (Kind.EVENT, Kind.TOTAL, Kind.LAST) and row.kind in (Kind.EVENT, Kind.TOTAL, Kind.LAST):
        kept: tuple[str, ...] = (
            "event",
            "during",
            "during_amount",
            "during_unit",
            "during_from",
            "during_to",
        )
        turned.children = row.parts(Kind.WHERE)
    elif {kind, row.kind} <= {Kind.TRAIT, Kind.HAS_BEEN, Kind.CONTEXT}:
        kept = ("path", "op", "value", "value_to", "amount", "unit", "case", "count_op", "returns")
        turned.children = row.parts(Kind.ITEM)
    else:
        kept = ()
    turned.fields |= {name: row.fields[name] for name in kept if name in row.fields}
    number = max(int(one.id[1:]) for one in root.walk()) + 1
    for offset, part in enumerate(_PARTS_OF_NEW.get(kind, ())):
        turned.children.append(fresh_row(part, id_=f"r{number + offset}"))
    return turned


# -- undo and redo -------------------------------------------------------------------------------------


# What a page shows, and a browser therefore sends, where a row does not say it.
_SHOWN: Final = {
    "during": "ever",
    "during_unit": "days",
    "unit": "days",
    "for_unit": "days",
    "within_unit": "hours",
    "for_op": "at_least",
    "count_op": "at_least",
    "source": "property",
    "which": "last",
    "total": "sum",
    "returns": "today",
    "engagement": "opened",
    "channel": "email",
    "by": "human",
}


def is_alike(one: Row, other: Row) -> bool:
    """Whether two forms look the same to somebody who did not touch either."""
    return _essence(to_state(one)) == _essence(to_state(other))


def _essence(state: Any) -> list[Any]:
    """A state without what is empty or as usual: two that look alike are alike."""
    return [
        [
            id_,
            parent,
            kind,
            {key: value for key, value in fields.items() if value not in ("", _SHOWN.get(key))},
        ]
        for id_, parent, kind, fields in state
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The states of a form, which travel with it: the server keeps nothing."""

    states: tuple[Any, ...] = ()
    at: int = field(default=-1)  # the one on the page

    @property
    def can_undo(self) -> bool:
        return self.at > 0

    @property
    def can_redo(self) -> bool:
        return self.at + 1 < len(self.states)

    @property
    def shown(self) -> Any:
        """What the page showed last; None at the beginning."""
        return self.states[self.at] if self.states else None

    def with_state(self, root: Row) -> "History":
        """Add a state, unless it is the one on the page; what was undone before is gone then."""
        state = to_state(root)
        if self.states and _essence(state) == _essence(self.shown):
            return self
        states = (*self.states[: self.at + 1], state)[-MOST_STATES:]
        return replace(self, states=states, at=len(states) - 1)

    def moved(self, by: int) -> "History":
        """Go back or forth, as far as there is anything."""
        return replace(self, at=min(max(self.at + by, 0), len(self.states) - 1))

    def root(self) -> Row:
        return from_state(self.shown)

    def sealed(self) -> str:
        """As text for a hidden field."""
        return signing.dumps([self.at, list(self.states)], salt=_SALT, compress=True)


def opened(text: str) -> History:
    """Read what `sealed` wrote. Raises BadForm."""
    if not text:
        return History()
    try:
        at, states = signing.loads(text, salt=_SALT)
    except signing.BadSignature as error:
        raise BadForm("not our history") from error
    return History(states=tuple(states), at=at)
