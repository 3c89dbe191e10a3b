"""The product as it runs, started for a measurement and ended with it, however that ends."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from cdp_site.demo.product import Product


class Missed(Exception):
    """Something that the measurement waits for did not happen in time."""


@contextmanager
def running_product() -> Iterator[tuple[int, int]]:
    """Run the product on a free port; give the port and the id of its parent process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with (
        tempfile.TemporaryDirectory(prefix="wayfare-bench-") as directory,
        Product(
            directory=settings.BASE_DIR,
            log=Path(directory) / "product.log",
            url=f"http://127.0.0.1:{port}",
            settings={"PORT": str(port)},
        ) as product,
    ):
        yield port, product.pid


def cpu_of(pid: int) -> float:
    """The seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
