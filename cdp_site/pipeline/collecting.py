"""Python's cyclic garbage collector, kept out of the way of a batch."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold off the collector while a batch is worked on.

    A batch makes tens of thousands of objects that all stay until its end and hardly any cycles, so each
    collection would walk them for nothing: a quarter of the drain's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
