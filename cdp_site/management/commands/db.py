"""The database: start, stop, look at, copy, and bring to a newer PostgreSQL."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient
from django.utils.translation import gettext as _

from cdp_site.embedded import EmbeddedError, Server, ensure, find_binaries, is_up, start, stop
from cdp_site.embedded.copies import Address, dump, restore, upgrade
from cdp_site.embedded.lock import has_keeper
from cdp_site.embedded.place import clusters

_STOPPED = 3  # what `status` ends with, as service scripts do


class Command(BaseCommand):
    help = _("Start, stop, inspect, dump, restore or upgrade the database.")
    # A check may open a connection, and that would start the server.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("start", help=_("Start the embedded server; as root make its user first."))
        actions.add_parser("stop", help=_("Stop the embedded server."))
        actions.add_parser("status", help=_("Say where the data are and whether the server runs."))
        dump_parser = actions.add_parser("dump", help=_("Write the database to a file."))
        dump_parser.add_argument("file", type=Path)
        restore_parser = actions.add_parser("restore", help=_("Put a dump in the place of the database."))
        restore_parser.add_argument("file", type=Path)
        restore_parser.add_argument("--yes", action="store_true", help=_("Do not ask."))
        upgrade_parser = actions.add_parser("upgrade", help=_("Bring the data to a newer PostgreSQL."))
        upgrade_parser.add_argument("--from", dest="old", default="", help=_("The old version's programs."))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["action"]:
                case "start":
                    start(self._server(), may_create_account=True)
                case "stop":
                    self._stop()
                case "status":
                    self._status()
                case "dump":
                    self._dump(options["file"])
                case "restore":
                    self._restore(options["file"], is_sure=options["yes"])
                case "upgrade":
                    aside = upgrade(self._server(), old_programs=options["old"])
                    self._say(_("Done. The old data are kept in %(place)s.") % {"place": aside})
        except EmbeddedError as error:
            raise CommandError(str(error)) from error

    def _server(self) -> Server:
        if settings.DATABASE_URL:
            raise CommandError(_("DATABASE_URL names a server that is not ours to run."))
        server: Server = settings.EMBEDDED_SERVER
        return server

    def _stop(self) -> None:
        was_running = stop(self._server())
        self._say(_("Stopped.") if was_running else _("It was not running."))

    def _status(self) -> None:
        server = self._server()
        is_running = is_up(server)
        majors = ", ".join(str(major) for major in sorted(clusters(server.data_dir))) or "-"
        self._say(_("Data: %(place)s") % {"place": server.data_dir})
        self._say(_("PostgreSQL of the data: %(version)s") % {"version": majors})
        self._say(_("Address: %(place)s") % {"place": server.socket_dir})
        if not is_running:
            self._say(_("The server does not run."))
            sys.exit(_STOPPED)
        if has_keeper(server):
            self._say(_("The server runs, as a child of `manage.py up`."))
        else:
            self._say(_("The server runs."))

    def _dump(self, file: Path) -> None:
        connection.ensure_connection()
        dump(file.absolute(), address=_address(), binaries=_client_programs())
        self._say(_("Written: %(file)s, %(size)d bytes.") % {"file": file, "size": file.stat().st_size})

    def _restore(self, file: Path, *, is_sure: bool) -> None:
        if not file.is_file():
            raise CommandError(_("There is no file %(file)s.") % {"file": file})
        others = _other_connections()
        if others:
            raise CommandError(
                _("%(number)d other connections use the database: stop the product first.")
                % {"number": others}
            )
        if not is_sure and input(_("Everything in the database is replaced. Type yes: ")) != "yes":
            raise CommandError(_("Nothing is changed."))
        programs = _client_programs()
        connection.close()
        restore(file.absolute(), address=_address(), binaries=programs)
        self._say(_("Restored."))

    def _say(self, text: str) -> None:
        self.stdout.write(text)


def _address() -> Address:
    """Say in libpq's variables what the settings say, whichever server it is."""
    config = connection.settings_dict
    _command, passwords = DatabaseClient.settings_to_cmd_args_env(config, [])
    named = {
        "PGHOST": config["HOST"],
        "PGPORT": str(config["PORT"]),
        "PGUSER": config["USER"],
        "PGDATABASE": config["NAME"],
    }
    return {name: value for name, value in {**named, **(passwords or {})}.items() if value}


def _client_programs() -> Any:
    """Programs that understand the server: of its version, or the newest there are."""
    if not settings.DATABASE_URL:
        ensure(settings.EMBEDDED_SERVER)
        return find_binaries(settings.EMBEDDED_SERVER.programs)
    version = connection.pg_version // 10000  # type: ignore[attr-defined]  # Django's PostgreSQL wrapper
    try:
        return find_binaries("", major=version)
    except EmbeddedError:
        return find_binaries("")


def _other_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        (count,) = cursor.fetchone() or (0,)
        return int(count)
