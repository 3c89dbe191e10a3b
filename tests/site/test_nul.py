"""A NUL in an address is the caller's fault, wherever it is."""

import pytest
from django.test import Client

from tests import build

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/segments/?state=", "/deliveries/?channel=", "/people/?q=a"])
def test_refuse_nul__pages(client: Client, path: str) -> None:
    client.force_login(build.user())
    response = client.get(f"{path}%00")
    assert response.status_code == 400
    assert "NUL" in response.content.decode()


@pytest.mark.parametrize("path", ["deliveries/?channel=", "events/names/?q=", "segments/?state="])
def test_refuse_nul__api(client: Client, path: str) -> None:
    response = client.get(f"/api/v1/{path}%00")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "The address holds the character NUL, which no text here has."
