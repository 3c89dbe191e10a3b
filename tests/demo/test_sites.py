"""The sites beside the product: the CRM keeps what it is told, the shop carries the snippet."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from cdp_site.demo.sites import Crm, Shop, Site
from cdp_site.demo.sites.serving import Reply, Request, json_reply

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ORDER = {"action": "create_deal", "contact": {"user_id": "ada"}, "fields": {"amount": 89}, "run": 7}


@pytest.fixture
def heard() -> list[Request]:
    return []


@pytest.fixture
def crm(heard: list[Request]) -> Iterator[tuple[Crm, str]]:
    """A running CRM, and somebody who hears its callbacks."""

    def listen(request: Request) -> Reply:
        heard.append(request)
        return json_reply({})

    with Site(listen) as listener:
        made = Crm(token="secret", callback_url=f"{listener.url}/hooks/crm", callback_secret=SECRET)
        with Site(made.answer) as site:
            yield made, site.url


def tell(
    url: str, *, path: str = "/deals", key: str = "k1", token: str = "secret", body: Any = ORDER
) -> httpx.Response:
    return httpx.post(
        url + path, json=body, headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    )


def test_crm__keeps_an_action_with_its_person(crm: tuple[Crm, str]) -> None:
    made, url = crm

    answer = tell(url)

    assert (answer.status_code, answer.json()) == (HTTPStatus.CREATED, {"id": "D-0001"})
    (record,) = made.records
    assert (record.kind, record.contact, record.fields["amount"]) == ("deals", {"user_id": "ada"}, 89)


def test_crm__a_repeated_key_makes_nothing_new(crm: tuple[Crm, str]) -> None:
    made, url = crm

    assert tell(url).json() == tell(url).json()

    assert [record.told for record in made.records] == [2]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": "wrong"}, HTTPStatus.UNAUTHORIZED),
        ({"path": "/invoices"}, HTTPStatus.NOT_FOUND),
        ({"body": {"fields": {}}}, HTTPStatus.BAD_REQUEST),
    ],
    ids=["token", "path", "body"],
)
def test_crm__refuses(crm: tuple[Crm, str], change: dict[str, Any], status: HTTPStatus) -> None:
    made, url = crm

    assert tell(url, **change).status_code == status
    assert made.records == []


def test_crm__reports_a_finished_task_once_and_signed(crm: tuple[Crm, str], heard: list[Request]) -> None:
    made, url = crm
    number = tell(url, path="/tasks").json()["id"]

    for _ in range(2):
        httpx.post(f"{url}/done", data={"id": number})

    (call,) = heard
    body = Webhook(SECRET).verify(call.body, dict(call.headers))
    assert body["type"] == "task.completed"
    assert body["data"]["delivery_id"] == "k1"
    assert "Done" in httpx.get(url).text
    assert made.records[0].is_done


@pytest.fixture
def shop() -> Iterator[str]:
    made = Shop(
        product_url="http://localhost:8000",
        write_key="key1",
        crm_url="http://127.0.0.1:1",
        seconds_to_order=45,
    )
    with Site(made.answer) as site:
        yield site.url


@pytest.mark.parametrize("path", ["/", "/register", "/products/trail-tent"])
def test_shop__each_page_carries_the_snippet_and_the_story(shop: str, path: str) -> None:
    page = httpx.get(shop + path)

    assert page.status_code == HTTPStatus.OK
    assert "http://localhost:8000/wayfare.js" in page.text
    assert "key1" in page.text
    assert "Live the story" in page.text


@pytest.mark.parametrize("path", ["/shop.css", "/shop.js"])
def test_shop__its_files(shop: str, path: str) -> None:
    assert httpx.get(shop + path).status_code == HTTPStatus.OK


def test_shop__knows_no_other_pages(shop: str) -> None:
    assert httpx.get(f"{shop}/../serving.py").status_code == HTTPStatus.NOT_FOUND


def test_site__a_body_too_large_is_refused_and_a_fault_is_an_answer() -> None:
    def fail(request: Request) -> Reply:
        raise RuntimeError

    with Site(fail) as site:
        assert httpx.get(site.url).status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        large = httpx.post(site.url, content=json.dumps("x" * 1_100_000))
        assert large.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
