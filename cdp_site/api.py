"""Doors of the management API: bearer tokens, roles, pages by cursor, errors as problem details.

An API view names its permission, which is also its mark for the test that walks the url patterns:

    class SegmentList(APIView):
        permission_classes = [role_required(Role.SERVICE, Role.MARKETER, writes=[Role.MARKETER])]
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from cdp_site.tokens import TokenAuthentication, hash_of, issue_token
from cdp_site.web import Access, Role, roles_of, with_admin

__all__ = [
    "NewestFirst",
    "TokenAuthentication",
    "actor_of",
    "faults_in",
    "hash_of",
    "issue_token",
    "problem_details",
    "role_required",
]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the tokens."""

    target_class = "cdp_site.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def role_required(*roles: Role, writes: Iterable[Role] | None = None) -> type[BasePermission]:
    """Make the permission of a view: `roles` may read, `writes` may change (left out: the same).

    No role named means any role; admin may always.
    """
    may_read = with_admin(*roles)
    may_write = may_read if writes is None else with_admin(*writes, Role.ADMIN)

    class RoleRequired(BasePermission):
        access = Access(kind="token", reads=may_read, writes=may_write)

        def has_permission(self, request: Request, view: APIView) -> bool:
            if request.user is None:
                return False
            allowed = may_read if request.method in SAFE_METHODS else may_write
            return bool(roles_of(cast(User, request.user)) & allowed)

    return RoleRequired


def actor_of(request: Request) -> str:
    """The caller's name for the audit log."""
    return f"api:{cast(User, request.user).get_username()}"


class NewestFirst(CursorPagination):
    """Pages by cursor, so that rows arriving meanwhile move nothing."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500


class BodyTooLarge(exceptions.APIException):
    """The body is longer than Django reads into memory."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self) -> None:
        words = _("A body has at most %(most)s bytes; send less at once, or a file.")
        super().__init__(words % {"most": settings.DATA_UPLOAD_MAX_MEMORY_SIZE})


def problem_details(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an error as RFC 9457 `application/problem+json`; None leaves a surprise to Django.

    `errors` lists each fault of the input as {"path", "message"}.
    """
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    elif isinstance(error, ModelValidationError):
        error = exceptions.ValidationError(error.messages)
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    return _problem(error)


def _problem(error: exceptions.APIException) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
    }
    if isinstance(error, exceptions.ValidationError):
        body["errors"] = list(faults_in(error.detail))
        body["detail"] = " ".join(fault["message"] for fault in body["errors"])
    else:
        body["detail"] = str(error.detail)
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    return Response(body, status=error.status_code, headers=headers, content_type="application/problem+json")


def faults_in(detail: Any, *, path: str = "") -> Iterable[dict[str, str]]:
    """Flatten the framework's nested error detail into one entry a fault."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from faults_in(inner, path=path if key == "non_field_errors" else f"{path}/{key}")
    elif isinstance(detail, list | tuple):
        for place, inner in enumerate(detail):
            yield from faults_in(inner, path=path if isinstance(inner, str) else f"{path}/{place}")
    else:
        yield {"path": path, "message": str(detail)}
