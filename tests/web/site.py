"""A web application for tests, without a framework: its sign-outs, its tickets, and browsers that hold cookies."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from authsm import (
    ClearCredentials,
    CognitoRunner,
    CredentialStore,
    Limits,
    MemoryCredentialStore,
    Notice,
    SignedInData,
    SignInMethod,
    Transition,
    UserPoolTokens,
)
from authsm.auth.flights import FLIGHTS
from authsm.runners.handlers import RunnerLike
from authsm.runners.hosted_ui.judge import Answer
from authsm.stores.tickets import MemoryTicketStore, TicketStore
from authsm.testing import FakeClient, FakeClock, FakeCognito, FakeTokens
from authsm.web import Begun, Returned, WebSignOut
from tests.auth.world import session

HOST: Final = "127.0.0.1:8400"
ORIGIN: Final = f"http://{HOST}"
CALLBACK: Final = f"{ORIGIN}/signed-out"
COOKIE: Final = "authsm-sign-out"
OWN_PAGE: Final = (("Host", HOST), ("Sec-Fetch-Site", "same-origin"))
KEY: Final = "key-of-ada"

TODAY: Final = 1_800_000_000.0
"""When things begin here, in seconds since 1970."""

QUICK: Final = Limits(deadline=11.0, grace=2.0, seconds={ClearCredentials: 3.0})
SECONDS_OF_ALL: Final = 11.0 + 2.0 + 4 * 3.0
"""How long a sign-out may take with `QUICK`: what stands still for longer has died."""


def web_sign_out(store: CredentialStore, runner: RunnerLike, tickets: TicketStore, **others: Any) -> WebSignOut:
    """Sign-outs of an application at `ORIGIN`."""
    settings = {"domain": "auth.example.com", "client_id": "4example", "sign_out_url": CALLBACK}
    return WebSignOut(store, runner, tickets, **{**settings, **others})


def header(answer: Answer, name: str) -> str:
    """The value of the one header field of a name."""
    (value,) = [value for each, value in answer.headers if each == name]
    return value


def sent(answer: Answer) -> str:
    """The cookie that an answer sets, as a browser sends it back."""
    return header(answer, "Set-Cookie").partition(";")[0]


def come_back(web: WebSignOut, cookie: str | None, query: str = "", *, method: str = "GET", **fields: str) -> Returned:
    """Send a browser to the callback."""
    headers = {"Host": HOST, **({"Cookie": cookie} if cookie else {}), **fields}
    return web.callback(method, query, [(name.replace("_", "-"), value) for name, value in headers.items()])


def ends(notices: Iterable[Notice]) -> list[str]:
    """The last step of each sign-out, as an observer saw it."""
    final = {"SignedOut", "PartialSignedOut", "Error"}
    return [each.target.state for each in notices if isinstance(each, Transition) and each.target.state in final]


def callers() -> int:
    """How many wait for sign-outs at this moment."""
    return sum(flight._callers for flights in FLIGHTS._flights.values() for _, flight in flights)


@dataclass
class Site:
    """An application with one user, signed in at a pool through its hosted UI."""

    cognito: FakeCognito
    client: FakeClient = field(init=False)
    store: Any = field(default_factory=MemoryCredentialStore)
    tickets: Any = field(default_factory=MemoryTicketStore)
    clock: FakeClock = field(default_factory=lambda: FakeClock(TODAY))
    notices: list[Notice] = field(default_factory=list)
    tokens: FakeTokens = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.cognito.add_client(sign_out_urls=(CALLBACK,))

    def runner(self) -> CognitoRunner:
        return CognitoRunner(
            client_id=self.client.id, region=self.cognito.region, endpoint_url=self.cognito.endpoint_url
        )

    def web(self, **others: Any) -> WebSignOut:
        settings = {"domain": self.cognito.domain, "client_id": self.client.id, "observers": [self.notices.append]}
        runner = others.pop("runner", None) or self.runner()
        return web_sign_out(self.store, runner, self.tickets, **{**settings, "clock": self.clock, **others})

    def sign_in(self, key: str = KEY) -> None:
        browser = self.cognito.open_browser_session("ada")
        self.tokens = self.cognito.sign_in(self.client, "ada", browser_session=browser)
        own = UserPoolTokens.from_text(access_token=self.tokens.access_token, refresh_token=self.tokens.refresh_token)
        self.web().auth(key).sign_in(SignedInData(username="ada", sign_in_method=SignInMethod.HOSTED_UI, tokens=own))

    def begin(self, **named: Any) -> Begun:
        begun = self.web().begin(KEY, OWN_PAGE, **named)
        self.cognito.forget_calls()
        return begun

    def is_live(self) -> bool:
        return self.cognito.holds(self.tokens.refresh_token)


def sign_in_quietly(web: WebSignOut, key: str) -> None:
    """Sign a user in that no service knows."""
    web.auth(key).sign_in(session(SignInMethod.HOSTED_UI))
