"""Who is it? Which person a message belongs to, and when two persons are one.

The graph holds what the database knows of the identities that a batch mentions. Messages are resolved
against it one by one, in order; the caller stores what changed. Rules:

- A claim is an identity a message carries. Claims are tried by priority: user id, external ids, email,
  phone, anonymous id.
- The first claim that belongs to somebody names the person; a user id nobody has goes to the
  device's anonymous person, if that one has no user id yet ("registers: the visits become theirs").
- An unclaimed identity is linked while its kind's limit is not reached; beyond it, it is left out. To
  somebody with a user id and an address a public source adds none: user ids can be guessed, and their mail
  would go where the guesser likes.
- An anonymous person met by a known one is merged into it. A device of somebody with another user id is
  a shared device: it follows the latest login, nobody is merged.
- Two known people are merged only by a server source, by an email or external id when at most one of
  them has a user id, or by `alias`. A public source never merges known people.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[str, str]  # (kind, normalised value)

USER, EMAIL, PHONE, ANONYMOUS = "user_id", "email", "phone", "anonymous_id"
_PRIORITY = {USER: 0, EMAIL: 2, PHONE: 3, ANONYMOUS: 4}  # external systems stand at 1
LIMITS = {USER: 1, EMAIL: 5, PHONE: 5, ANONYMOUS: 100}
_EXTERNAL_LIMIT = 5

_BLOCKED = frozenset(
    ["", "null", "nil", "none", "undefined", "unknown", "n/a", "anonymous", "0", "-1", "[object object]"]
)
_ZEROS = re.compile(r"[0-]*\Z")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")


def normalise(kind: str, value: object) -> str | None:
    """Bring an identifier to the form it is compared in; None when it identifies nobody."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    lowered = text.lower()
    if lowered in _BLOCKED or _ZEROS.match(text) or len(text) > 512:
        return None
    if kind == EMAIL:
        return lowered if _EMAIL.match(lowered) else None
    if kind == PHONE:
        digits = re.sub(r"[\s()./-]", "", text)
        return digits if re.fullmatch(r"\+[0-9]{6,15}", digits) else None
    return text


def by_priority(claims: Iterable[Key]) -> list[Key]:
    """Order claims: the strongest identity first, the order of mention among equals."""
    return sorted(dict.fromkeys(claims), key=lambda key: _PRIORITY.get(key[0], 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """`old` is from now on part of `new`."""

    old: int
    new: int
    reason: str  # registered, email, external_id, alias
    evidence: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Whose message it is, and what it taught about identities."""

    person: int
    via: Key  # the claim that the event is stored under
    is_new: bool = False
    links: tuple[tuple[Key, str], ...] = ()  # key, reason: seen, linked, login
    merges: tuple[Merge, ...] = ()


class NoIdentity(Exception):
    """A message whose every identity is blocked or unusable."""


@dataclass(slots=True)
class _Step:
    person: int
    is_new: bool = False
    links: list[tuple[Key, str]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)


class IdentityGraph:
    """Owners of identities, moved forward message by message.

    Args:
        held: person id -> every identity the person holds.
        new_person: gives the id of the next person to create.
    """

    def __init__(self, held: Mapping[int, Iterable[Key]], *, new_person: Callable[[], int]) -> None:
        self._held: dict[int, set[Key]] = {person: set(keys) for person, keys in held.items()}
        self._owner: dict[Key, int] = {key: person for person, keys in self._held.items() for key in keys}
        self._new_person = new_person

    def owner(self, key: Key) -> int | None:
        """Tell whose this identity is now."""
        return self._owner.get(key)

    def kinds(self, person: int) -> frozenset[str]:
        """Tell which kinds of identity this person holds now."""
        return frozenset(kind for kind, _ in self._held.get(person, ()))

    def resolve(self, claims: Sequence[Key], *, is_trusted: bool, person: int | None = None) -> Resolution:
        """Find or make the person of a message and link what it claims.

        Args:
            claims: usable identities in priority order (`by_priority`).
            is_trusted: the source is the company's own server.
            person: the person an internal message names; stands above all claims.

        Raises:
            NoIdentity: nothing to resolve by.
        """
        if person is None:
            if not claims:
                raise NoIdentity
            first = claims[0]
            owner = self._owner.get(first)
            is_sure = owner is not None and (is_trusted or first[0] in (USER, ANONYMOUS))
            # The usual case: everything the message claims is one person's already.
            if is_sure and (len(claims) == 1 or all(self._owner.get(key) == owner for key in claims)):
                return Resolution(person=self._owner[first], via=first)
        step = self._find(claims, is_trusted=is_trusted) if person is None else _Step(person)
        for key in claims:
            self._claim(step, key, is_trusted=is_trusted)
        via = next((key for key in claims if self._owner.get(key) == step.person), None)
        if via is None:
            via = claims[0] if claims else min(self._held.get(step.person, set()), default=("person", ""))
        return Resolution(
            person=step.person,
            via=via,
            is_new=step.is_new,
            links=tuple(step.links),
            merges=tuple(step.merges),
        )

    def alias(self, user: Key, previous: str, *, is_trusted: bool) -> Resolution:
        """Make `previous`, a user id or an anonymous id, the same person as `user`."""
        previous_key = (USER, previous) if (USER, previous) in self._owner else (ANONYMOUS, previous)
        if previous == user[1]:
            return self.resolve([user], is_trusted=is_trusted)
        before, after = self._owner.get(previous_key), self._owner.get(user)
        if before is None or before == after or not self._may_alias(before, after, is_trusted=is_trusted):
            claims = [user, previous_key] if before is None else [user]
            return self.resolve(claims, is_trusted=is_trusted)
        step = _Step(before if after is None else after)
        if after is None:
            self._link(step, user, "linked")
        else:
            self._merge(step, before, reason="alias", evidence=(previous_key, user))
        return Resolution(person=step.person, via=user, links=tuple(step.links), merges=tuple(step.merges))

    def _may_alias(self, before: int, after: int | None, *, is_trusted: bool) -> bool:
        is_anonymous = self.kinds(before) == {ANONYMOUS}
        return is_trusted or is_anonymous or (after is None and not self._has_user(before))

    def _find(self, claims: Sequence[Key], *, is_trusted: bool) -> _Step:
        first = claims[0]
        owner = self._owner.get(first)
        if owner is not None and (is_trusted or first[0] in (USER, ANONYMOUS)):
            return _Step(owner)
        for key in claims[1:] if owner is None else claims:
            owner = self._owner.get(key)
            if owner is None or not (is_trusted or key[0] == ANONYMOUS):
                continue
            if first[0] != USER or not self._has_user(owner):
                return _Step(owner)
        step = _Step(self._new_person(), is_new=True)
        self._held[step.person] = set()
        return step

    def _claim(self, step: _Step, key: Key, *, is_trusted: bool) -> None:
        owner = self._owner.get(key)
        if owner == step.person:
            return
        if owner is None:
            if self._has_room(step.person, key[0], is_trusted=is_trusted):
                self._link(step, key, "seen" if step.is_new and not step.links else "linked")
        elif key[0] == ANONYMOUS:
            self._claim_device(step, key, owner, is_trusted=is_trusted)
        elif is_trusted and not (self._has_user(owner) and self._has_user(step.person)):
            reason = "email" if key[0] in (EMAIL, PHONE) else "external_id"
            self._merge(step, owner, reason=reason, evidence=(key,))

    def _claim_device(self, step: _Step, key: Key, owner: int, *, is_trusted: bool) -> None:
        is_anonymous = self.kinds(owner) == {ANONYMOUS}
        if is_anonymous or (is_trusted and not self._has_user(owner)):
            self._merge(step, owner, reason="registered", evidence=(key,))
        else:
            self._held[owner].discard(key)
            self._link(step, key, "login")

    def _link(self, step: _Step, key: Key, reason: str) -> None:
        self._owner[key] = step.person
        self._held[step.person].add(key)
        step.links.append((key, reason))

    def _merge(self, step: _Step, old: int, *, reason: str, evidence: tuple[Key, ...]) -> None:
        keys = self._held.pop(old)
        self._held[step.person] |= keys
        for key in keys:
            self._owner[key] = step.person
        known = tuple(sorted(key for key in self._held[step.person] if key[0] == USER))
        step.merges.append(Merge(old=old, new=step.person, reason=reason, evidence=evidence + known))

    def _has_user(self, person: int) -> bool:
        return any(kind == USER for kind, _ in self._held.get(person, ()))

    def _has_room(self, person: int, kind: str, *, is_trusted: bool) -> bool:
        count = sum(held == kind for held, _ in self._held[person])
        if count and kind in (EMAIL, PHONE) and not is_trusted and self._has_user(person):
            return False
        return count < LIMITS.get(kind, _EXTERNAL_LIMIT)


def group_people(persons: Iterable[int], merges: Iterable[Merge]) -> dict[int, list[int]]:
    """Group the persons that merges unite: the person left at the end -> all that became it."""
    final = {person: person for person in persons}
    for merge in merges:
        for person, now in final.items():
            if now == merge.old:
                final[person] = merge.new
    groups: dict[int, list[int]] = defaultdict(list)
    for person, now in final.items():
        groups[now].append(person)
    return dict(groups)
