"""Somebody who reads and sends the forms of journeys, as a browser without scripts does."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.test import Client

from cdp_site.web import Role
from journeys.models import Journey
from tests import build
from tests.journeys.page_fields import fields_in

Fields = dict[str, str | list[str]]


class Browser:
    """A browser with somebody logged in."""

    def __init__(self, *, role: Role = Role.MARKETER, name: str = "", slug: str = "story") -> None:
        self.user = build.user(role=role, name=name)
        self.client = Client()
        self.client.force_login(self.user)
        self.slug = slug

    def get(self, path: str = "", *, status: int = 200, htmx: bool = False) -> str:
        response = self.client.get(f"/journeys/{path}", headers={"HX-Request": "true"} if htmx else {})
        assert response.status_code == status, response.content
        return response.content.decode()

    def post(self, path: str, data: Mapping[str, Any], *, htmx: bool = False) -> HttpResponse:
        headers = {"HX-Request": "true"} if htmx else {}
        response: Any = self.client.post(f"/journeys/{path}", dict(data), headers=headers)
        assert isinstance(response, HttpResponse)
        return response

    def form(self, part: str) -> Fields:
        """What the form of a part would send, untouched."""
        return fields_in(self.get(f"{self.slug}/?step={part}"), form="part-form")

    def save(self, part: str, data: Mapping[str, Any], *, htmx: bool = False) -> HttpResponse:
        return self.post(f"{self.slug}/parts/{part}/", data, htmx=htmx)

    def do(self, verb: str, *, htmx: bool = False, **given: Any) -> HttpResponse:
        """Change the structure of the draft as it is now."""
        data = {"revision": self.journey().draft_revision} | given
        return self.post(f"{self.slug}/do/{verb}/", data, htmx=htmx)

    def journey(self) -> Journey:
        return Journey.objects.get(slug=self.slug)

    def draft(self) -> dict[str, Any]:
        document: dict[str, Any] = self.journey().draft
        return document
