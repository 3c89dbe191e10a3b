"""The pages of topics: what mails can be about."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cdp_site.web import Role, StaffRequest, staff_page
from connectors.domain.template import LANGUAGE
from connectors.models import Topic
from connectors.services.topics import TopicDraft, save_topic

_LONGEST_NAME = 120
_LONGEST_DESCRIPTION = 300


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def topic_list(request: StaffRequest) -> HttpResponse:
    """List the topics; a POST adds one."""
    return _sent(request, None) if request.method == "POST" else _shown(request, None)


@staff_page(Role.MARKETER)
@require_http_methods(["GET", "HEAD", "POST"])
def topic_edit(request: StaffRequest, slug: str) -> HttpResponse:
    """Change a topic."""
    topic = get_object_or_404(Topic, slug=slug)
    return _sent(request, topic) if request.method == "POST" else _shown(request, topic)


def _shown(
    request: StaffRequest, topic: Topic | None, *, faults: Mapping[str, str] | None = None
) -> HttpResponse:
    given = request.POST
    context = {
        "topics": Topic.objects.order_by("name"),
        "topic": topic,
        "faults": faults or {},
        "name": given.get("name", topic.name if topic else ""),
        "description": given.get("description", topic.description if topic else ""),
        "translations": given.get("translations", _lines(topic.translations) if topic else ""),
        "is_active": bool(given.get("is_active")) if given else (topic is None or topic.is_active),
    }
    return render(request, "connectors/topic_list.html", context)


def _sent(request: StaffRequest, topic: Topic | None) -> HttpResponse:
    name = " ".join(request.POST.get("name", "").split())[:_LONGEST_NAME]
    slug = topic.slug if topic else slugify(name)[:80]
    translations = _read(request.POST.get("translations", ""))
    faults = {}
    if not name or not slug:
        faults["name"] = _("Give it a name.")
    elif topic is None and Topic.objects.filter(slug=slug).exists():
        faults["name"] = _("There is a topic of this name.")
    if translations is None:
        faults["translations"] = _("Write one a line, for example: de = Neues | Was es im Laden Neues gibt")
    if faults or translations is None:
        return _shown(request, topic, faults=faults)
    draft = TopicDraft(
        name=name,
        description=" ".join(request.POST.get("description", "").split())[:_LONGEST_DESCRIPTION],
        translations=translations,
        is_active=bool(request.POST.get("is_active")),
    )
    save_topic(slug, draft, actor=request.user.get_username())
    messages.success(request, _("Saved."))
    return HttpResponseRedirect(reverse("connectors:topic-list"))


def _lines(translations: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(
        f"{language} = {words.get('name', '')} | {words.get('description', '')}".rstrip(" |")
        for language, words in translations.items()
    )


def _read(text: str) -> dict[str, dict[str, str]] | None:
    """Read lines of `de = name | description`; None where one is none."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        language, is_there, words = line.partition("=")
        name, _bar, description = words.partition("|")
        if not is_there or not LANGUAGE.fullmatch(language.strip()) or not name.strip():
            return None
        found[language.strip()] = {
            "name": name.strip()[:_LONGEST_NAME],
            "description": description.strip()[:_LONGEST_DESCRIPTION],
        }
    return found
