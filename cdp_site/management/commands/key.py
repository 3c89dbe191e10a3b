from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify
from django.utils.translation import gettext as _

from connectors.models import Source
from connectors.source_services import SourceDraft, change_source, make_source


class Command(BaseCommand):
    help = "Print the write key of the source NAME, making it if there is none. Nothing else is printed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--trust",
            choices=Source.Trust.values,
            help="public: a key in browsers (default for a new source); server: the company's own back end",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        trust: str | None = options["trust"]
        slug = slugify(name)[:80]
        if not slug:
            raise CommandError(_("The name needs at least one letter or digit."))
        source = Source.objects.filter(slug=slug).first()
        if source is None:
            draft = SourceDraft(slug=slug, name=name, trust=trust or Source.Trust.PUBLIC)
            source = make_source(draft, actor="command:key")
        elif trust and trust != source.trust:
            change_source(source, changes={"trust": trust}, actor="command:key")
        self.stdout.write(source.write_key)
