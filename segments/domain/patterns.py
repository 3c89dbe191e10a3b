r"""The regular expressions that `matches` takes: a subset that every reader understands alike.

    literals          abc, é, and \ before any sign that is not a letter or digit
    escapes           \n \r \t \d \D \w \W \s \S (ASCII)
    any sign          . (all but the line feed)
    classes           [a-z_] [^0-9]
    groups, choice    (…) (?:…) a|b
    repeats           ? * + {n} {n,} {n,m}, n and m up to 255; what is repeated must not hold ^ or $
    ends of the text  ^ $

Anything else is refused when the condition is parsed: look-around, back-references, lazy repeats, flags,
empty choices. A pattern is found anywhere in the text. Matching takes time in proportion to the text in
both engines, RE2 and PostgreSQL: neither backtracks on these.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import re2

from segments.domain.phrases import Phrase, gettext_noop
from segments.domain.values import LOWER

LONGEST: Final = 500  # characters of a pattern
LARGEST: Final = 300  # signs after writing all repeats out: PostgreSQL prepares them for each text anew
MOST_REPEATS: Final = 255  # PostgreSQL's limit
LAST: Final = 0x10FFFF

Range = tuple[int, int]
_DIGITS: Final[tuple[Range, ...]] = ((0x30, 0x39),)
_WORD: Final[tuple[Range, ...]] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Final[tuple[Range, ...]] = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_SETS: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACES}
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t"}


class PatternError(ValueError):
    """The text is outside the subset; `phrase` says where."""

    def __init__(self, message: str, *, place: int = 0, sign: str = "") -> None:
        self.phrase = Phrase(
            message, {"place": place, "sign": sign, "most": MOST_REPEATS, "longest": LONGEST}
        )
        super().__init__(str(self.phrase))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """One sign out of a set."""

    ranges: tuple[Range, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The start or the end of the text."""

    is_start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several sequences."""

    of: tuple["tuple[Part, ...]", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A part several times; `most` None: without end."""

    part: "Signs | Choice"
    least: int
    most: int | None


Part = Signs | End | Choice | Repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A parsed pattern; two of the same text are equal."""

    source: str

    def __post_init__(self) -> None:
        _parsed(self.source)
        _compiled(self.source, False)

    def is_found_in(self, text: str, *, ignore_case: bool = False) -> bool:
        """Whether the pattern matches anywhere; with `ignore_case` the text must be in lower case already."""
        return _compiled(self.source, ignore_case).search(text) is not None

    def postgresql(self, *, ignore_case: bool = False) -> str:
        """The same as an advanced regular expression of PostgreSQL."""
        return _written(_parsed(self.source), lowered=ignore_case, dialect=_POSTGRESQL)


@lru_cache(maxsize=1024)
def _parsed(source: str) -> Choice:
    if len(source) > LONGEST:
        raise PatternError(gettext_noop("a pattern has at most {longest} characters"))
    reader = _Reader(source)
    tree = reader.choice(depth=0)
    if not reader.is_done():
        raise reader.unexpected()
    if _size(tree) > LARGEST:
        raise PatternError(gettext_noop("the pattern repeats too much"))
    return tree


@lru_cache(maxsize=1024)
def _compiled(source: str, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_written(_parsed(source), lowered=ignore_case, dialect=_RE2), options)
    except re2.error as error:
        raise PatternError(gettext_noop("the pattern repeats too much")) from error


class _Reader:
    """A cursor over the text of a pattern."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.place = 0

    def is_done(self) -> bool:
        return self.place >= len(self.source)

    def peek(self, ahead: int = 0) -> str:
        place = self.place + ahead
        return self.source[place] if place < len(self.source) else ""

    def unexpected(self) -> PatternError:
        return PatternError(
            gettext_noop("unexpected {sign} at place {place}"), place=self.place, sign=self.peek()
        )

    def take(self) -> str:
        if self.is_done():
            raise PatternError(gettext_noop("the pattern ends too early"))
        self.place += 1
        return self.source[self.place - 1]

    def choice(self, *, depth: int) -> Choice:
        if depth > 20:
            raise PatternError(gettext_noop("the groups are nested too deeply"))
        sequences = [self.sequence(depth=depth)]
        while self.peek() == "|":
            self.take()
            sequences.append(self.sequence(depth=depth))
        return Choice(of=tuple(sequences))

    def sequence(self, *, depth: int) -> tuple[Part, ...]:
        parts: list[Part] = []
        while not self.is_done() and self.peek() not in "|)":
            parts.append(self.repeated(self.part(depth=depth)))
        if not parts:
            raise PatternError(gettext_noop("nothing to match at place {place}"), place=self.place)
        return tuple(parts)

    def part(self, *, depth: int) -> Signs | End | Choice:
        sign = self.take()
        if sign in "^$":
            return End(is_start=sign == "^")
        if sign == "(":
            return self.group(depth=depth)
        if sign == "[":
            return self.signs()
        if sign == ".":
            return Signs(ranges=((0x0A, 0x0A),), is_negated=True)
        if sign == "\\":
            return self.escape()
        if sign in "*+?{}]":
            self.place -= 1
            raise self.unexpected()
        return _one(sign)

    def group(self, *, depth: int) -> Choice:
        if self.peek() == "?":
            if self.peek(1) != ":":
                raise PatternError(gettext_noop("unknown kind of group at place {place}"), place=self.place)
            self.place += 2
        inner = self.choice(depth=depth + 1)
        if self.take() != ")":
            raise PatternError(gettext_noop("a group is not closed"))
        return inner

    def escape(self) -> Signs:
        sign = self.take()
        if sign in _CONTROLS:
            return _one(_CONTROLS[sign])
        if sign.lower() in _SETS:
            return Signs(ranges=_SETS[sign.lower()], is_negated=sign.isupper())
        if sign.isalnum() or not sign.isascii():
            raise PatternError(gettext_noop("unknown escape \\{sign}"), sign=sign)
        return _one(sign)

    def signs(self) -> Signs:
        is_negated = self.peek() == "^"
        if is_negated:
            self.take()
        ranges: list[Range] = []
        while not ranges or self.peek() != "]":
            ranges.extend(self.span())
        self.take()
        return Signs(ranges=_merged(ranges), is_negated=is_negated)

    def span(self) -> tuple[Range, ...]:
        first = self.member()
        if self.peek() != "-" or self.peek(1) in ("]", ""):
            return _complement(first.ranges) if first.is_negated else first.ranges
        self.take()
        last = self.member()
        if not (_is_one(first) and _is_one(last)) or first.ranges[0][0] > last.ranges[0][0]:
            raise PatternError(gettext_noop("not a range at place {place}"), place=self.place)
        return ((first.ranges[0][0], last.ranges[0][0]),)

    def member(self) -> Signs:
        sign = self.take()
        if sign == "\\":
            return self.escape()
        if sign in "[]":
            raise PatternError(gettext_noop("inside of a class write \\{sign}"), sign=sign)
        return _one(sign)

    def repeated(self, part: Signs | End | Choice) -> Part:
        bounds = self.bounds()
        if bounds is None:
            return part
        if isinstance(part, End) or _has_end(part):
            raise PatternError(gettext_noop("^ and $ cannot be repeated"))
        if self.peek() and self.peek() in "?*+{":
            raise self.unexpected()
        return Repeat(part=part, least=bounds[0], most=bounds[1])

    def bounds(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}
        if self.peek() in simple:
            return simple[self.take()]
        if self.peek() != "{":
            return None
        self.take()
        least = self.count()
        most: int | None = least
        if self.peek() == ",":
            self.take()
            most = None if self.peek() == "}" else self.count()
        if self.take() != "}" or (most is not None and most < least):
            raise PatternError(gettext_noop("not a number of repeats at place {place}"), place=self.place)
        return least, most

    def count(self) -> int:
        digits = ""
        while self.peek() and self.peek() in "0123456789" and len(digits) < 4:
            digits += self.take()
        if not digits or int(digits) > MOST_REPEATS:
            raise PatternError(gettext_noop("repeats are counted from 0 to {most}"))
        return int(digits)


def _one(sign: str) -> Signs:
    if sign == "\0" or 0xD800 <= ord(sign) < 0xE000:
        raise PatternError(gettext_noop("the pattern holds a sign that no text can hold"))
    return Signs(ranges=((ord(sign), ord(sign)),))


def _is_one(signs: Signs) -> bool:
    return not signs.is_negated and len(signs.ranges) == 1 and signs.ranges[0][0] == signs.ranges[0][1]


def _has_end(part: Part) -> bool:
    match part:
        case End():
            return True
        case Choice():
            return any(_has_end(inner) for sequence in part.of for inner in sequence)
        case Repeat():
            return _has_end(part.part)
        case Signs():
            return False


def _size(part: Part) -> int:
    match part:
        case Choice():
            return 1 + sum(_size(inner) for sequence in part.of for inner in sequence)
        case Repeat():
            return _size(part.part) * max(part.most or part.least + 1, 1)
        case Signs() | End():
            return 1


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    gaps: list[Range] = []
    start = 1
    for first, last in (*ranges, (LAST + 1, LAST + 1)):
        if start < first:
            gaps.append((start, first - 1))
        start = last + 1
    return tuple(gaps)


def _lowered(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """The signs that the lower case of these signs can be."""
    kept = list(ranges)
    for code, lowered in LOWER.items():
        if any(first <= code <= last for first, last in ranges):
            kept.append((lowered, lowered))
    return _merged(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    start: str
    end: str
    short: str  # how a sign up to U+FFFF is written
    long: str


_RE2: Final = _Dialect(start=r"\A", end=r"\z", short=r"\x{{{:X}}}", long=r"\x{{{:X}}}")
_POSTGRESQL: Final = _Dialect(start=r"\A", end=r"\Z", short=r"\u{:04X}", long=r"\U{:08X}")


def _written(part: Part, *, lowered: bool, dialect: _Dialect) -> str:
    match part:
        case Signs():
            return _written_signs(part, lowered=lowered, dialect=dialect)
        case End():
            return dialect.start if part.is_start else dialect.end
        case Choice():
            sequences = (
                "".join(_written(inner, lowered=lowered, dialect=dialect) for inner in sequence)
                for sequence in part.of
            )
            return "(?:" + "|".join(sequences) + ")"
        case Repeat():
            inner = _written(part.part, lowered=lowered, dialect=dialect)
            return inner + _written_bounds(part.least, part.most)


def _written_bounds(least: int, most: int | None) -> str:
    simple = {(0, 1): "?", (0, None): "*", (1, None): "+"}
    if (least, most) in simple:
        return simple[(least, most)]
    return f"{{{least},{'' if most is None else most}}}"


def _written_signs(signs: Signs, *, lowered: bool, dialect: _Dialect) -> str:
    ranges = _lowered(signs.ranges) if lowered else signs.ranges
    if _is_one(Signs(ranges=ranges, is_negated=signs.is_negated)):
        return _sign(ranges[0][0], dialect)
    spans = (
        _sign(first, dialect) + (f"-{_sign(last, dialect)}" if last > first else "")
        for first, last in _without_surrogates(ranges)
    )
    return ("[^" if signs.is_negated else "[") + "".join(spans) + "]"


def _without_surrogates(ranges: tuple[Range, ...]) -> Iterable[Range]:
    for first, last in ranges:
        if first < 0xD800 and last > 0xDFFF:
            yield first, 0xD7FF
            yield 0xE000, last
        else:
            yield first, last


def _sign(code: int, dialect: _Dialect) -> str:
    if code < 128 and chr(code).isalnum():
        return chr(code)
    return (dialect.short if code <= 0xFFFF else dialect.long).format(code)
