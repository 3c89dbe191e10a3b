"""Every sentence that people see, collected from the sources, for translators and for the pseudo-locale.

Django's own collector does not read Jinja templates. This one reads both languages as syntax trees, so it
finds exactly what gettext would be asked for.
"""

import ast
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.template import engines

_ONE = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop"})
_MANY = frozenset({"ngettext", "ngettext_lazy"})
_IN_CONTEXT = frozenset({"pgettext", "pgettext_lazy"})
_CONTEXT_END = "\x04"  # between context and message, in the file format
_PLURAL_END = "\x00"  # between the forms
_MAGIC = 0x950412DE


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One sentence to translate."""

    text: str
    plural: str = ""
    context: str = ""


def messages_in(root: Path, *, packages: Iterable[str]) -> dict[Message, str]:
    """Collect the sentences of these packages and of `templates/`, each with the place it was met first."""
    found: dict[Message, str] = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            for message, line in in_python(path.read_text()):
                found.setdefault(message, f"{path.relative_to(root)}:{line}")
    for path in sorted((root / "templates").rglob("*.html")):
        for message, line in in_template(path.read_text()):
            found.setdefault(message, f"{path.relative_to(root)}:{line}")
    return found


def in_python(source: str) -> Iterator[tuple[Message, int]]:
    """Find the calls of gettext in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            message = _message(_called(node), [_literal(argument) for argument in node.args])
            if message is not None:
                yield message, node.lineno


def in_template(source: str) -> Iterator[tuple[Message, int]]:
    """Find the calls of gettext and the trans blocks in a Jinja template."""
    environment = engines["jinja2"].env  # type: ignore[attr-defined]
    for line, called, words in environment.extract_translations(source):
        message = _message(called, [words] if isinstance(words, str) else list(words))
        if message is not None:
            yield message, line


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _message(called: str, words: list[str | None]) -> Message | None:
    if called in _ONE and words and words[0]:
        return Message(text=words[0])
    if called in _MANY and len(words) > 1 and words[0] and words[1]:
        return Message(text=words[0], plural=words[1])
    if called in _IN_CONTEXT and len(words) > 1 and words[0] and words[1]:
        return Message(text=words[1], context=words[0])
    return None


def pot_of(messages: Mapping[Message, str]) -> str:
    """Write the template that translators start from."""
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    return head + "".join(_pot_entry(message, place) for message, place in messages.items())


def _pot_entry(message: Message, place: str) -> str:
    lines = [f"\n#: {place}"]
    if message.context:
        lines.append(f"msgctxt {_quoted(message.context)}")
    lines.append(f"msgid {_quoted(message.text)}")
    if message.plural:
        lines += [f"msgid_plural {_quoted(message.plural)}", 'msgstr[0] ""', 'msgstr[1] ""']
    else:
        lines.append('msgstr ""')
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def pseudo_of(messages: Iterable[Message]) -> bytes:
    """Compile a catalogue that puts every sentence in brackets: what shows without them is stray text."""
    head = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
    entries = {"": head}
    for message in messages:
        key = f"{message.context}{_CONTEXT_END}{message.text}" if message.context else message.text
        if message.plural:
            entries[f"{key}{_PLURAL_END}{message.plural}"] = (
                f"{bracketed(message.text)}{_PLURAL_END}{bracketed(message.plural)}"
            )
        else:
            entries[key] = bracketed(message.text)
    return _compiled(entries)


def bracketed(text: str) -> str:
    """The pseudo-translation of a sentence."""
    return f"⟦{text}⟧"


def _compiled(entries: Mapping[str, str]) -> bytes:
    """Write GNU gettext's binary format: sorted keys, both tables of (length, offset), then the texts."""
    pairs = sorted((key.encode(), value.encode()) for key, value in entries.items())
    start = 28 + 16 * len(pairs)
    keys: list[tuple[int, int]] = []
    values: list[tuple[int, int]] = []
    body = b""
    for table, texts in ((keys, [key for key, _ in pairs]), (values, [value for _, value in pairs])):
        for text in texts:
            table.append((len(text), start + len(body)))
            body += text + b"\0"
    numbers = [number for table in (keys, values) for entry in table for number in entry]
    head = struct.pack("<7I", _MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    return head + struct.pack(f"<{len(numbers)}I", *numbers) + body
