"""Refuse addresses that hold the character NUL: PostgreSQL has no such text, so no page can look for it."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.utils.translation import gettext as _

View = Callable[[HttpRequest], HttpResponse]


def refuse_nul(get_response: View) -> View:
    """Answer 400 where the query has it, before any view reads it."""

    def answer(request: HttpRequest) -> HttpResponse:
        if "%00" not in request.META.get("QUERY_STRING", ""):
            return get_response(request)
        told = _("The address holds the character NUL, which no text here has.")
        if not request.path.startswith("/api/"):
            return HttpResponseBadRequest(told, content_type="text/plain; charset=utf-8")
        bad = HTTPStatus.BAD_REQUEST
        problem = {"type": "about:blank", "title": bad.phrase, "status": bad, "detail": told}
        return JsonResponse(problem, status=bad, content_type="application/problem+json")

    return answer
