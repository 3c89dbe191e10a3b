"""Let the kernel end a child when its parent dies, even by kill -9."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask for `with_signal` at the parent's death. Only Linux can; elsewhere the parent's stop must do."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died just before we asked
        os.kill(os.getpid(), with_signal)
