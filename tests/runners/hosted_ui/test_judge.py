import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from http import HTTPStatus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authsm.core.vocabulary import FailureKind
from authsm.credentials import Secret
from authsm.runners.hosted_ui import Answer, CameBack, CameBackWithError, Expected, KeepWaiting, Verdict, judge, pages

NONCE = "a-nonce-that-nobody-guesses"
COOKIE = "a-cookie-that-nobody-guesses"
HOST = "127.0.0.1:8400"
START = f"/start/{NONCE}"
EXPECTED = Expected(
    hosts=(HOST,),
    path="/signed-out",
    nonce=Secret(NONCE),
    cookie_name="bound",
    cookie=Secret(COOKIE),
    cookie_seconds=300,
    logout_url="https://x.example.com/logout?client_id=abc&logout_uri=y",
)
BOUND = (("Host", HOST), ("Cookie", f"bound={COOKIE}"))
STATIC = {b"", pages.CAME_BACK, pages.CAME_BACK_WITH_ERROR, *pages.REFUSALS.values()}


def ask(target: str, *headers: tuple[str, str], method: str = "GET") -> Verdict:
    return judge(EXPECTED, method, target, headers or BOUND)


def header(answer: Answer, name: str) -> str:
    (value,) = [value for each, value in answer.headers if each == name]
    return value


def ignored(verdict: Verdict) -> HTTPStatus:
    assert isinstance(verdict, KeepWaiting)
    return verdict.answer.status


def test_the_start_gives_the_cookie_and_leads_to_the_provider() -> None:
    verdict = ask(START, ("Host", HOST))
    assert ignored(verdict) == HTTPStatus.FOUND
    assert header(verdict.answer, "Location") == EXPECTED.logout_url
    cookie = header(verdict.answer, "Set-Cookie")
    assert cookie == f"bound={COOKIE}; Path=/signed-out; Max-Age=300; HttpOnly; SameSite=Lax"
    assert verdict.answer.body == b""


def test_the_start_may_be_opened_again() -> None:
    assert ask(START) == ask(START, ("Host", HOST))


@pytest.mark.parametrize(
    "target", ["/start/", "/start/other", f"{START}x", f"{START}/", f"{START} ", "/start/ä", "/start"]
)
def test_without_the_nonce_nothing_begins(target: str) -> None:
    assert ignored(ask(target)) == HTTPStatus.NOT_FOUND


def test_the_browser_that_began_comes_back() -> None:
    verdict = ask("/signed-out")
    assert isinstance(verdict, CameBack)
    assert verdict.answer.status == HTTPStatus.OK
    assert verdict.answer.body == pages.CAME_BACK


@pytest.mark.parametrize(
    "cookies",
    [
        [f"other=1; bound={COOKIE}"],
        [f"bound=tossed; bound={COOKIE}"],
        [f"bound={COOKIE};other"],
        ["other=1", f"bound={COOKIE}"],
    ],
)
def test_other_cookies_do_no_harm(cookies: list[str]) -> None:
    assert isinstance(ask("/signed-out", ("Host", HOST), *(("cookie", each) for each in cookies)), CameBack)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "bound",
        "bound=",
        "bound=x",
        f"bound={COOKIE}x",
        f"Bound={COOKIE}",
        f"bound2={COOKIE}",
        COOKIE,
        "bound=\udc80",
    ],
)
def test_without_the_cookie_nobody_came_back(cookie: str) -> None:
    assert ignored(ask("/signed-out", ("Host", HOST), ("Cookie", cookie))) == HTTPStatus.BAD_REQUEST
    assert ignored(ask("/signed-out?error=x", ("Host", HOST), ("Cookie", cookie))) == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "hosts",
    [[], ["localhost:8400"], ["127.0.0.1"], ["127.0.0.1:8401"], ["evil.example:8400"], [HOST, HOST], [f"{HOST}, x"]],
)
def test_only_the_exact_host_is_served(hosts: list[str]) -> None:
    headers = [("Host", host) for host in hosts] + [("Cookie", f"bound={COOKIE}")]
    assert ignored(judge(EXPECTED, "GET", "/signed-out", headers)) == HTTPStatus.MISDIRECTED_REQUEST
    assert ignored(judge(EXPECTED, "GET", START, headers)) == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize(
    "target",
    ["/", "", "*", "/favicon.ico", "/signed-out/", "/Signed-Out", "//signed-out", "/signed-out#x", "/%73igned-out",
     f"http://{HOST}/signed-out"],
)  # fmt: skip
def test_other_paths_are_not_here(target: str) -> None:
    assert ignored(ask(target)) == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "get", ""])
@pytest.mark.parametrize("target", ["/signed-out", START])
def test_only_get_is_allowed(method: str, target: str) -> None:
    verdict = ask(target, method=method)
    assert ignored(verdict) == HTTPStatus.METHOD_NOT_ALLOWED
    assert header(verdict.answer, "Allow") == "GET"


@pytest.mark.parametrize(
    "speculative",
    [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Sec-Purpose", "prefetch;anonymous-client-ip"),
        ("Purpose", "Prefetch"),
        ("X-Purpose", "preview"),
        ("X-Moz", "prefetch"),
    ],
)
@pytest.mark.parametrize("target", ["/signed-out", START])
def test_what_nobody_has_opened_yet_is_ignored(speculative: tuple[str, str], target: str) -> None:
    verdict = ask(target, *BOUND, speculative)
    assert ignored(verdict) == HTTPStatus.BAD_REQUEST
    assert "Set-Cookie" not in dict(verdict.answer.headers)


@pytest.mark.parametrize("destination", ["image", "iframe", "frame", "object", "embed", "script", "Image", "empty", ""])
@pytest.mark.parametrize("target", ["/signed-out", "/signed-out?error=x", START])
def test_what_a_page_embeds_or_fetches_is_ignored(destination: str, target: str) -> None:
    verdict = ask(target, *BOUND, ("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Dest", destination))
    assert ignored(verdict) == HTTPStatus.BAD_REQUEST
    assert "Set-Cookie" not in dict(verdict.answer.headers)


@pytest.mark.parametrize(
    "says",
    [
        [("Sec-Fetch-Dest", "document")],
        [("sec-fetch-dest", "empty"), ("sec-fetch-site", "same-origin")],  # a service worker has passed it on
    ],
    ids=["a tab", "a service worker"],
)
def test_what_somebody_opens_is_the_return(says: list[tuple[str, str]]) -> None:
    assert isinstance(ask("/signed-out", *BOUND, *says), CameBack)


def test_an_error_of_the_provider_is_told_and_not_shown() -> None:
    verdict = ask("/signed-out?state=x&error=access_denied&error_description=The+user+%22said%22+no")
    assert isinstance(verdict, CameBackWithError)
    assert verdict.failure.kind is FailureKind.REFUSED
    assert verdict.failure.code == "access_denied"
    assert verdict.failure.message == 'The hosted UI answered with an error: access_denied: The user "said" no'
    assert verdict.answer.status == HTTPStatus.OK
    assert verdict.answer.body == pages.CAME_BACK_WITH_ERROR


@pytest.mark.parametrize("query", ["error", "error=", "error=%00%1b", "error=&error_description=%e2%80%ae"])
def test_an_error_without_words_is_an_error(query: str) -> None:
    verdict = ask(f"/signed-out?{query}")
    assert isinstance(verdict, CameBackWithError)
    assert verdict.failure.code == "error"
    assert verdict.failure.message == "The hosted UI answered with an error: error"


def test_an_error_shows_no_token() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
    verdict = ask(f"/signed-out?error={token}&error_description=was+{token}")
    assert isinstance(verdict, CameBackWithError)
    assert verdict.failure.code == "[token]"
    assert verdict.failure.message == "The hosted UI answered with an error: [token]: was [token]"


@given(st.text(min_size=1), st.text())
@example("x" * 10_000, "y" * 10_000)
@example("a\r\nb\x1b[31m\u202ec", "\x00")
def test_an_error_is_one_short_printable_line(code: str, description: str) -> None:
    target = "/signed-out?error=" + "&error_description=".join(
        "".join(f"%{byte:02x}" for byte in text.encode(errors="replace")) for text in (code, description)
    )
    verdict = ask(target)
    assert isinstance(verdict, CameBackWithError)
    assert verdict.failure.message.isprintable()
    assert verdict.failure.code.isprintable()
    assert 0 < len(verdict.failure.code) <= 64
    assert len(verdict.failure.message) < 450


texts = st.text(st.characters(exclude_categories=()))  # lone surrogates too
methods = st.sampled_from(["GET", "GET", "POST", "HEAD"]) | texts
targets = (
    st.sampled_from(["/signed-out", "/signed-out?", "/signed-out?a=b", "/signed-out?error=x", START, "/favicon.ico"])
    | texts.map("/signed-out?{}".format)
    | texts
)
cookie_headers = st.tuples(
    st.sampled_from(["Cookie", "cookie"]),
    st.sampled_from([f"bound={COOKIE}", f"a=b; bound={COOKIE}", "bound=x"]) | texts,
)
host_headers = st.tuples(st.just("Host"), st.sampled_from([HOST, HOST, "localhost:8400"]) | texts)
purpose_headers = st.tuples(st.sampled_from(["Sec-Purpose", "Purpose"]), st.sampled_from(["prefetch", "x"]))
part_headers = st.tuples(st.sampled_from(["Sec-Fetch-Dest", "sec-fetch-dest"]), st.sampled_from(["document", "image"]))
header_lists = st.lists(
    host_headers | cookie_headers | purpose_headers | part_headers | st.tuples(texts, texts), max_size=5
) | st.just(list(BOUND))


@given(methods, targets, header_lists)
def test_whatever_is_sent_only_the_exact_return_counts(
    method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    verdict = judge(EXPECTED, method, target, headers)
    path, _, query = target.partition("?")
    is_return = (
        method == "GET"
        and path == "/signed-out"
        and [value.strip(" \t") for name, value in headers if name.lower() == "host"] == [HOST]
        and any(
            re.search(rf"(?:^|;)[ \t]*bound[ \t]*=[ \t]*{COOKIE}[ \t]*(?:;|$)", value)
            for name, value in headers
            if name.lower() == "cookie"
        )
        and not any("prefetch" in value for name, value in headers if name.lower() in {"sec-purpose", "purpose"})
        and not any(value == "image" for name, value in headers if name.lower() == "sec-fetch-dest")
    )
    assert is_return == (not isinstance(verdict, KeepWaiting))
    assert not isinstance(verdict, CameBack) or "error=" not in query
    assert verdict.answer.body in STATIC
    for name, value in verdict.answer.headers:
        assert re.fullmatch(r"[A-Za-z-]+: [ -~]+", f"{name}: {value}")


@given(st.text(alphabet="0123456789abcdef", min_size=12), st.sampled_from(["", "error=x&error_description="]))
def test_no_answer_reflects_what_was_sent(marker: str, before: str) -> None:
    for headers in (BOUND, (("Host", HOST),), (("Host", marker),)):
        for target in (f"/signed-out?{before}{marker}", f"/{marker}", f"/start/{marker}"):
            answer = ask(target, *headers).answer
            assert marker not in repr((answer.headers, answer.body))


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.style = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["style"] and not self.style:
            self.style = data


@pytest.mark.parametrize("body", sorted(STATIC - {b""}))
def test_a_page_is_plain_and_allowed_by_its_own_policy(body: bytes) -> None:
    reader = Reader()
    reader.feed(body.decode())
    assert set(reader.tags) == {"html", "head", "meta", "title", "style", "body", "main", "h1", "p"}
    assert reader.attributes == {"lang", "charset", "name", "content"}
    assert b'content="width=device-width' in body
    assert b"prefers-color-scheme: dark" in body
    digest = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in dict(pages.SECURITY_HEADERS)["Content-Security-Policy"]


@pytest.mark.parametrize("target", ["/signed-out", "/signed-out?error=x", START, "/favicon.ico"])
def test_every_answer_is_guarded(target: str) -> None:
    headers = dict(ask(target).answer.headers)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_value_shows_the_nonce_or_the_cookie() -> None:
    shown = repr((EXPECTED, ask(START), ask("/signed-out"), replace(EXPECTED, path="/")))
    assert NONCE not in shown
    assert COOKIE not in shown
