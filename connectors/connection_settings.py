"""Reading the settings of a connection strictly: each fault with its place, nothing left over."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, gettext_lazy

from connectors.domain.destination import UrlFault, is_private_literal, url_fault
from connectors.domain.message import Json
from connectors.domain.setting import Form, Setting

LONGEST_TEXT = 2000
MOST_PAIRS = 200
MOST_NUMBER = 1_000_000

_URL_FAULTS: Mapping[UrlFault, Any] = MappingProxyType(
    {
        UrlFault.UNREADABLE: gettext_lazy("This is not a web address."),
        UrlFault.SCHEME: gettext_lazy("A web address begins with http:// or https://."),
        UrlFault.NO_HOST: gettext_lazy("The address names no host."),
        UrlFault.USER: gettext_lazy("The address must not hold a user name or password."),
        UrlFault.CHARACTERS: gettext_lazy("The address holds characters that are not allowed."),
    }
)


class SettingsError(Exception):
    """A connection's settings are wrong at `path`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class SettingsReader:
    """Takes settings out one by one; `finish` refuses what nobody asked for."""

    def __init__(self, raw: Mapping[str, Json]) -> None:
        self._left = dict(raw)

    def text(self, key: str, *, default: str | None = None) -> str:
        """Take a text; without `default` it must be given."""
        value = self._left.pop(key, default)
        if value is None:
            raise SettingsError(key, gettext("This setting is needed."))
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
            raise SettingsError(key, gettext("This must be a text on one line."))
        return value.strip()

    def take(self, setting: Setting) -> Json:
        """Take a setting as it describes itself."""
        match setting.form:
            case Form.URL:
                return self.url(setting.name, default=setting.default)
            case Form.NUMBER:
                return self.number(setting.name, default=setting.default)
        value = self.text(setting.name, default=setting.default)
        if setting.choices and value not in dict(setting.choices):
            raise SettingsError(setting.name, gettext("This is none of the choices."))
        if setting.default is None and not value:
            raise SettingsError(setting.name, gettext("This setting is needed."))
        return value

    def number(self, key: str, *, default: str | None = None) -> float:
        """Take a number above zero, given as such or as a text."""
        value = self._left.pop(key, default)
        if value is None or value == "":
            raise SettingsError(key, gettext("This setting is needed."))
        try:
            number = float(value) if not isinstance(value, bool) else -1.0
        except (TypeError, ValueError):
            number = -1.0
        if not 0 < number <= MOST_NUMBER:
            raise SettingsError(key, gettext("This must be a number above zero."))
        return number

    def url(self, key: str, *, default: str | None = None) -> str:
        """Take the web address of a destination."""
        value = self.text(key, default=default) or default or ""
        fault = url_fault(value)
        if fault is not None:
            raise SettingsError(key, str(_URL_FAULTS[fault]))
        if is_private_literal(value) and not settings.WAYFARE_ALLOW_PRIVATE_DESTINATIONS:
            raise SettingsError(
                key,
                gettext("Private addresses are not called unless WAYFARE_ALLOW_PRIVATE_DESTINATIONS is set."),
            )
        return value

    def texts(self, key: str, *, default: Mapping[str, str]) -> dict[str, str]:
        """Take an object of texts; keys left out have their value in `default`, others are refused."""
        value = self._left.pop(key, {})
        if not isinstance(value, dict):
            raise SettingsError(key, gettext("This must be an object."))
        reader = SettingsReader(value)
        try:
            found = {name: reader.text(name, default=given) for name, given in default.items()}
            reader.finish()
        except SettingsError as error:
            raise SettingsError(f"{key}.{error.path}", error.message) from error
        return found

    def pairs(self, key: str, *, default: Mapping[str, str]) -> dict[str, str]:
        """Take an object of texts under names of the other system's choosing."""
        value = self._left.pop(key, None)
        if value is None:
            return dict(default)
        if not isinstance(value, dict) or len(value) > MOST_PAIRS:
            raise SettingsError(key, gettext("This must be an object."))
        reader = SettingsReader(value)
        try:
            return {name: reader.text(name) for name in value if name.strip()}
        except SettingsError as error:
            raise SettingsError(f"{key}.{error.path}", error.message) from error

    def finish(self) -> None:
        """Refuse settings that were not taken."""
        for key in sorted(self._left):
            raise SettingsError(key, gettext("There is no such setting."))
