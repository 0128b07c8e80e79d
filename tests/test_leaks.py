"""The watch that every test stands under finds what a careless library would show."""

import logging

import pytest

from authsm import Auth, Failure, FailureKind, MemoryCredentialStore, PartialSignOut, RevokeToken, Runner, Secret
from authsm.core.vocabulary import EffectFailedError
from tests.auth.world import Token, jwt, session
from tests.leaks import Watch, leaks_in, shapes

pytestmark = pytest.mark.shows_tokens(because="what the watch finds has to be shown to it")


def _sign_out_that_says(text: str) -> PartialSignOut:
    def fails(*_: object) -> None:
        raise EffectFailedError(Failure(FailureKind.REFUSED, "Refused", text))

    auth = Auth(MemoryCredentialStore(), Runner(handlers={RevokeToken: fails}))
    auth.sign_in(session())
    result = auth.sign_out()
    assert isinstance(result, PartialSignOut)
    return result


@pytest.mark.parametrize("shape", range(4), ids=["as such", "URL-encoded", "base64", "base64 for URLs"])
@pytest.mark.parametrize("module", ["carrying", "nothing"])
def test_a_token_is_found_where_messages_are_not_scrubbed(
    module: str, shape: int, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module == "carrying":
        monkeypatch.setattr("authsm.runners.carrying.scrub", lambda text, _: text)
    aws_secret_key = Secret("aws/secret+key=1")
    _sign_out_that_says(f"it said {list(shapes([aws_secret_key]))[shape]}")
    assert bool(watch.leaks()) is (module == "carrying")


def _log_error_with(token: str | None) -> None:
    """Log an error whose traceback has the token among its variables."""
    try:
        _ = token, 1 / 0
    except ZeroDivisionError:
        logging.getLogger("a.stranger").exception("it failed")


@pytest.mark.parametrize("place", ["log", "extra of a log", "traceback", "output"])
def test_a_token_is_found_in(place: str, watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    text = jwt(Token.FRESH, "access-1")
    _sign_out_that_says("no")
    assert watch.leaks() == []
    match place:
        case "log":
            logging.getLogger("a.stranger").debug("it said %s", text)
        case "extra of a log":
            logging.getLogger("a.stranger").debug("it said something", extra={"body": text})
        case "traceback":
            _log_error_with(text)
        case _:
            print(text)  # noqa: T201 - to be found
            capsys.readouterr()
    assert watch.leaks() != []
    assert leaks_in(["nothing"], watch.secrets) == []
