import pytest

from connectors.domain.reader import Reader, reader_of

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
GOOGLE = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.mark.parametrize(
    ("headers", "reader"),
    [
        ({"User-Agent": CHROME}, Reader.HUMAN),
        ({"User-Agent": CHROME, "Sec-Purpose": "prefetch;prerender"}, Reader.PREFETCH),
        ({"User-Agent": CHROME, "Purpose": "preview"}, Reader.PREFETCH),
        ({"User-Agent": GOOGLE}, Reader.MACHINE),
        ({"User-Agent": "Mozilla/5.0"}, Reader.MACHINE),
        ({"User-Agent": "python-requests/2.32"}, Reader.SCANNER),
        ({"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}, Reader.SCANNER),
        ({}, Reader.SCANNER),
    ],
)
def test_reader_of(headers: dict[str, str], reader: Reader) -> None:
    assert reader_of(headers) is reader
