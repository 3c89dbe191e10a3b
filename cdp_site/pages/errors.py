"""Answers to addresses that lead nowhere: a page for people, problem details for programs."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

_API = "/api/"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing at this address."""
    if request.path.startswith(_API):
        return _problem(404, "Not Found")
    return HttpResponse(defaults.page_not_found(request, exception).content, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Say that something broke on our side; the error itself is in the log."""
    if request.path.startswith(_API):
        return _problem(500, "Internal Server Error")
    return HttpResponse(defaults.server_error(request).content, status=500)


def _problem(status: int, title: str) -> JsonResponse:
    body = {"type": "about:blank", "title": title, "status": status}
    return JsonResponse(body, status=status, content_type="application/problem+json")
