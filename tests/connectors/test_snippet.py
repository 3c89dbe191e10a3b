"""`/wayfare.js` as a site's pages load it."""

import gzip

import pytest
from django.test import Client

LIMIT = 6 * 1024  # packed


def test_snippet__is_small(client: Client) -> None:
    answer = client.get("/wayfare.js", headers={"Accept-Encoding": "br, gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert int(answer["Content-Length"]) == len(answer.content) < LIMIT
    assert gzip.decompress(answer.content) == client.get("/wayfare.js").content


def test_snippet__any_site_may_load_and_keep_it(client: Client) -> None:
    answer = client.get("/wayfare.js")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "max-age" in answer["Cache-Control"]
    assert answer["Vary"] == "Accept-Encoding"
    again = client.get("/wayfare.js", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_snippet__is_only_read(client: Client) -> None:
    assert client.post("/wayfare.js").status_code == 405


@pytest.mark.parametrize("word", ["eval(", "new Function", "innerHTML", ".style", "document.write"])
def test_snippet__does_nothing_that_a_strict_policy_forbids(client: Client, word: str) -> None:
    assert word not in client.get("/wayfare.js").content.decode()
