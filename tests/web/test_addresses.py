"""The addresses and numbers that an application configures, and what browsers make of them."""

from typing import Any, Final

import pytest

from authsm import CompleteSignOut, ConfigurationException, MemoryCredentialStore, RevokeToken
from authsm.stores.tickets import MemoryTicketStore
from authsm.web import WebSignOut
from tests.web.site import KEY, Site, come_back, header, sent, sign_in_quietly, web_sign_out

PLACES: Final = {
    "https://app.example.com/signed-out": "https://app.example.com",
    "https://App.EXAMPLE.com/Signed-Out": "https://app.example.com",
    "https://app.example.com:443/signed-out": "https://app.example.com",
    "https://app.example.com:80/signed-out": "https://app.example.com:80",
    "https://app.example.com:4430/signed-out": "https://app.example.com:4430",
    "https://app.example.com:65535/signed-out": "https://app.example.com:65535",
    "http://127.0.0.1:80/signed-out": "http://127.0.0.1",
    "http://127.0.0.1/signed-out": "http://127.0.0.1",
    "http://127.0.0.1:443/signed-out": "http://127.0.0.1:443",
}
"""Sign-out URLs, and their origins as browsers write them (RFC 6454, section 6.1)."""


def _web(**settings: Any) -> WebSignOut:
    web = web_sign_out(MemoryCredentialStore(), {RevokeToken: lambda *_: None}, MemoryTicketStore(), **settings)
    sign_in_quietly(web, KEY)
    return web


@pytest.mark.parametrize(("url", "origin"), PLACES.items())
def test_a_browser_is_known_by_the_origin_and_the_host_that_it_writes(url: str, origin: str) -> None:
    web = _web(sign_out_url=url)
    host = origin.partition("://")[2]
    begun = web.begin(KEY, [("Host", host), ("Origin", origin)])
    assert begun.is_suspended
    path = url.split("/", 3)[3]
    assert web.callback_path == f"/{path}"  # paths are told apart by their case, too
    assert f"; Path=/{path};" in header(begun.answer, "Set-Cookie")
    assert isinstance(come_back(web, sent(begun.answer), Host=host).result, CompleteSignOut)


@pytest.mark.parametrize("port", ["0", "00080", "65536", "99999", "100000", "", "-1", "8o"])
@pytest.mark.parametrize("origin", ["https://app.example.com", "http://127.0.0.1"])
def test_a_port_that_is_none_is_refused(origin: str, port: str) -> None:
    with pytest.raises(ConfigurationException, match="can come back to"):
        _web(sign_out_url=f"{origin}:{port}/signed-out")


def test_hosts_are_a_list(site: Site) -> None:
    """Of a text, each letter would be a host."""
    with pytest.raises(ConfigurationException, match="hosts is a text") as error:
        site.web(hosts="backend:8000")
    assert "hosts=['backend:8000']" in str(error.value)


@pytest.mark.parametrize("seconds", [0, -5, "900", None, True, 900.5, float("nan"), float("inf")])
def test_the_time_that_a_ticket_lasts_is_a_whole_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(ConfigurationException, match="ticket_seconds is"):
        _web(ticket_seconds=seconds)


def test_a_ticket_lasts_as_long_as_it_is_told_to(site: Site) -> None:
    begun = site.web(ticket_seconds=60).begin(KEY, [("Sec-Fetch-Site", "same-origin")])
    assert "; Max-Age=60;" in header(begun.answer, "Set-Cookie")
    site.clock.advance(59)
    assert site.web().sweep() == []
    site.clock.advance(1)
    assert len(site.web().sweep()) == 1
