"""Who else asks for a computed trait: apps above this one say so when they start."""

from collections.abc import Callable, Sequence

Asker = Callable[[str], Sequence[str]]  # the key of a trait -> the slugs of what asks for it

_askers: list[Asker] = []


def ask_too(asker: Asker) -> None:
    """Have it asked before a computed trait is given up."""
    _askers.append(asker)


def asking_for(key: str) -> list[str]:
    """The slugs of what asks for a trait, besides segments."""
    return [slug for asker in _askers for slug in asker(key)]
