"""Secrets made once."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cdp_site.secrets_file import secret_key


def test_secret_key__is_made_once_and_private(tmp_path: Path) -> None:
    first = secret_key(tmp_path / "data")
    assert len(first) >= 50
    assert secret_key(tmp_path / "data") == first
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600


def test_secret_key__differs_between_installations_and_names(tmp_path: Path) -> None:
    made = {secret_key(tmp_path / "a"), secret_key(tmp_path / "b"), secret_key(tmp_path / "a", name="other")}
    assert len(made) == 3


def test_secret_key__is_one_for_all_that_race(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: secret_key(tmp_path / "data"), range(32)))
    assert len(made) == 1
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["secret_key"]
