"""What a child asks of the kernel: to end when its parent does, even by kill -9, and to bear a name."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def die_with_parent(with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask for `with_signal` at the parent's death. Only Linux can; elsewhere the parent's stop must do."""
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, int(with_signal))
    if os.getppid() != parent:  # it died just before we asked
        os.kill(os.getpid(), with_signal)


def name_process(name: str) -> None:
    """Set what `ps -o comm` and `top` show: forked processes all have the parent's command line."""
    _prctl(_PR_SET_NAME, name.encode()[:15])


def _prctl(option: int, value: int | bytes) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
