from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from authsm.errors import ConfigurationException
from authsm.runners.hosted_ui import cognito_logout_url, oidc_logout_url
from authsm.runners.hosted_ui.urls import SignOutURL, checked_logout_url, hosted_ui_origin
from tests.runners.hosted_ui.desktop import PROVIDER


@pytest.mark.parametrize(
    ("domain", "origin"),
    [
        ("x.auth.eu-west-1.amazoncognito.com", "https://x.auth.eu-west-1.amazoncognito.com"),
        ("https://auth.example.com", "https://auth.example.com"),
        ("https://auth.example.com/", "https://auth.example.com"),
        ("https://auth.example.com:8443", "https://auth.example.com:8443"),
        ("https://localhost:8443", "https://localhost:8443"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_a_domain_is_a_host_or_an_origin(domain: str, origin: str) -> None:
    assert origin == hosted_ui_origin(domain)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        None,
        b"auth.example.com",
        "my-app",
        "auth.example.com:8443",
        "127.0.0.1:9000",
        "auth.example.com/logout",
        "https://auth.example.com/logout",
        "https://auth.example.com?x",
        "https://auth.example.com#x",
        "https://user:password@auth.example.com",
        "http://auth.example.com",
        "http://localhost.example.com",
        "ftp://auth.example.com",
        "auth.example.com\r\nX: y",
        "auth.example.com\n",
        " auth.example.com",
        "-auth.example.com",
        "аuth.example.com",  # noqa: RUF001 - the first letter is Cyrillic
    ],
)
def test_anything_else_is_no_domain(domain: Any) -> None:
    with pytest.raises(ConfigurationException, match="neither a host nor an https:// origin") as caught:
        hosted_ui_origin(domain)
    assert "amazoncognito.com" in caught.value.recovery_suggestion


def test_the_logout_url_names_the_client_and_where_to_return() -> None:
    url = cognito_logout_url(
        domain="x.auth.eu-west-1.amazoncognito.com", client_id="abc123", sign_out_url="http://127.0.0.1:8400/a?b&c=d"
    )
    assert url == (
        "https://x.auth.eu-west-1.amazoncognito.com/logout"
        "?client_id=abc123&logout_uri=http%3A%2F%2F127.0.0.1%3A8400%2Fa%3Fb%26c%3Dd"
    )


@pytest.mark.parametrize("client_id", ["", None, "my app", "abc&x=y", "abc\n", "a" * 129, "ä"])
def test_a_client_id_that_cognito_never_gives_is_refused_and_not_shown(client_id: Any) -> None:
    with pytest.raises(ConfigurationException, match=r"^The client id is not one of an app client of Cognito\."):
        cognito_logout_url(domain="x.example.com", client_id=client_id, sign_out_url="http://127.0.0.1:8400/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8400/out", "http://localhost:8400/out", "http://127.0.0.1:65535/"])
def test_a_sign_out_url_is_kept_to_the_letter(url: str) -> None:
    parsed = SignOutURL.parse(url)
    assert url == parsed.text
    assert url == f"{parsed.origin}{parsed.path}"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://127.0.0.1:8400", "/"),
        ("http://127.0.0.1:8400/a/b/", "/a/b/"),
        ("http://127.0.0.1:8400/a%20b", "/a%20b"),
        ("http://127.0.0.1:8400/.well-known/...", "/.well-known/..."),
    ],
)
def test_the_path_is_the_one_that_a_browser_asks_for(url: str, path: str) -> None:
    assert path == SignOutURL.parse(url).path


def test_a_browser_leaves_the_usual_port_away() -> None:
    assert SignOutURL.parse("http://127.0.0.1:80/").hosts == ("127.0.0.1:80", "127.0.0.1")
    assert SignOutURL.parse("http://localhost:8400/").hosts == ("localhost:8400",)


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        "http://127.0.0.1/out",
        "http://127.0.0.1:/out",
        "http://127.0.0.1:0/out",
        "http://127.0.0.1:08400/out",
        "http://127.0.0.1:65536/out",
        "https://127.0.0.1:8400/out",
        "http://0.0.0.0:8400/out",
        "http://[::1]:8400/out",
        "http://127.0.0.2:8400/out",
        "http://LOCALHOST:8400/out",
        "http://localhost.:8400/out",
        "http://example.com:8400/out",
        "http://127.0.0.1:8400@example.com/out",
        "http://user@127.0.0.1:8400/out",
        "http://127.0.0.1:8400/out?x=y",
        "http://127.0.0.1:8400/out?",
        "http://127.0.0.1:8400/out#x",
        "http://127.0.0.1:8400/a;b",
        "http://127.0.0.1:8400/a b",
        "http://127.0.0.1:8400/a/../b",
        "http://127.0.0.1:8400/a/.",
        "http://127.0.0.1:8400/%2E%2e/b",
        "http://127.0.0.1:8400/%zz",
        "http://127.0.0.1:8400/ä",
        "http://127.0.0.1:8400/a\r\nSet-Cookie: x",
        "http://127.0.0.1:8400/\n",
        "http://127.0.0.1:8400\\a",
    ],
)
def test_anything_else_is_no_sign_out_url(url: Any) -> None:
    with pytest.raises(ConfigurationException, match="is not a sign-out URL for this machine") as caught:
        SignOutURL.parse(url)
    assert "\n" not in caught.value.message
    assert "registered" in caught.value.recovery_suggestion


@pytest.mark.parametrize("url", ["https://x.example.com/logout?a=b", "http://localhost:9000/out"])
def test_a_built_url_may_be_any_absolute_one(url: str) -> None:
    assert url == checked_logout_url(url)


@pytest.mark.parametrize("url", ["", None, "/logout", "javascript:x", "https://", "https://x\r\ny", "https://x/ä"])
def test_a_built_url_that_could_not_be_a_header_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationException, match="The logout URL that was built"):
        checked_logout_url(url)


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/oidc/logout", f"{PROVIDER}/oidc/logout?"),
        (
            "/realms/my%20shop/protocol/openid-connect/logout",
            f"{PROVIDER}/realms/my%20shop/protocol/openid-connect/logout?",
        ),
    ],
)
def test_an_end_session_url_has_the_names_of_openid_connect(path: str, start: str) -> None:
    url = oidc_logout_url(path)(domain=PROVIDER, client_id="a b&c", sign_out_url="http://127.0.0.1:8400/x")
    assert url.startswith(start)
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["a b&c"],
        "post_logout_redirect_uri": ["http://127.0.0.1:8400/x"],
    }
    assert checked_logout_url(url) == url


@pytest.mark.parametrize("path", ["", "oidc/logout", "https://x/logout", "/a?b", "/a b", "/a#b", None])
def test_what_is_no_path_is_no_end_session_endpoint(path: Any) -> None:
    with pytest.raises(ConfigurationException, match=r"^The path of the end-session endpoint"):
        oidc_logout_url(path)
