"""The product as demo and benchmark run it: `manage.py up` as a child, its words in a file."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from cdp_site.demo.client import Unexpected

_START = 90.0  # seconds until it must answer
_STOP = 60.0  # seconds for an orderly end
_PAUSE = 0.1
_LINES = 20  # of the log, shown when it does not start


class Product:
    """A running product; a context manager."""

    def __init__(
        self, *, directory: Path, log: Path, url: str, settings: Mapping[str, str] | None = None
    ) -> None:
        """Be ready to start.

        Args:
            directory: where manage.py is.
            log: what the product says goes there.
            url: where it will answer.
            settings: environment variables for it beside our own.
        """
        self._directory = directory
        self._log = log
        self._url = url
        self._environment = {**os.environ, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cdp_site.demo.run_product"],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for our caller, who then stops the product in order.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def is_running(self) -> bool:
        """Whether the product is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that all others of the product descend from."""
        assert self._process is not None, "it has not been started"
        return self._process.pid

    def _wait_until_ready(self) -> None:
        ends_at = time.monotonic() + _START
        while time.monotonic() < ends_at:
            if not self.is_running:
                raise Unexpected(f"the product ended while it started:\n{self._last_words()}")
            if _answers(f"{self._url}/readyz"):
                return
            time.sleep(_PAUSE)
        raise Unexpected(f"the product did not start within {_START:.0f} seconds:\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LINES:])

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its own children end with it
            self._process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False
