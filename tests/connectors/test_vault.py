import pytest
from pytest_django import Settings

from connectors import vault


def test_seal__only_the_key_opens_it(settings: Settings) -> None:
    sealed = vault.seal("whsec_secret")
    assert "secret" not in sealed
    assert sealed != vault.seal("whsec_secret")
    assert vault.unseal(sealed) == "whsec_secret"
    settings.SECRET_KEY = "another key that is long enough to be one"
    with pytest.raises(vault.SealBroken):
        vault.unseal(sealed)


def test_unseal__an_older_key_still_opens(settings: Settings) -> None:
    sealed = vault.seal("token")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key that is long enough to be one"
    assert vault.unseal(sealed) == "token"


def test_seal__nothing_stays_nothing() -> None:
    assert vault.seal("") == ""
    assert vault.unseal("") == ""


def test_unseal__text_that_was_never_sealed() -> None:
    with pytest.raises(vault.SealBroken):
        vault.unseal("plain")


def test_keys_for__one_key_a_purpose() -> None:
    assert vault.keys_for(vault.MAIL_LINKS) != vault.keys_for(vault.SEALED_SECRETS)
