"""Secrets show themselves to nobody, texts are scrubbed of them, and claims are read whatever a token holds."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import re
import string
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authsm.credentials import (
    AWSCredentials,
    Claims,
    Secret,
    SignedInData,
    SignInMethod,
    UserPoolTokens,
    read_claims,
    scrub,
)
from authsm.errors import ConfigurationException

if TYPE_CHECKING:
    from collections.abc import Callable

HIDDEN: Final = "correct.horse-battery_staple"


class TestSecret:
    def test_only_reveal_gives_the_text(self) -> None:
        assert Secret(HIDDEN).reveal() == HIDDEN

    @pytest.mark.parametrize(
        "show",
        [
            repr,
            str,
            ascii,
            "{}".format,
            "{0!r:>40}".format,
            "{:*^40}".format,
            lambda secret: f"{secret}{secret!s}{secret!a}",
            lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - logging formats so.
            lambda secret: repr([secret]) + repr({secret: secret}) + repr(UserPoolTokens(access_token=secret)),
            lambda secret: repr(asdict(UserPoolTokens(refresh_token=secret))),
            lambda secret: json.dumps([secret], default=repr),
        ],
    )
    def test_no_representation_shows_it(self, show: Callable[[Secret], str]) -> None:
        shown = show(Secret(HIDDEN))
        assert "Secret(...)" in shown
        assert HIDDEN not in shown

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_it_cannot_be_pickled_alone_or_inside(self, protocol: int) -> None:
        for value in (Secret(HIDDEN), UserPoolTokens(access_token=Secret(HIDDEN)), [Secret(HIDDEN)]):
            with pytest.raises(TypeError, match="A Secret cannot be pickled: store credentials with a CredentialStore"):
                pickle.dumps(value, protocol)

    def test_a_copy_is_the_same_secret(self) -> None:
        secret = Secret(HIDDEN)
        assert copy.copy(secret) is secret
        assert copy.deepcopy([secret])[0] is secret

    def test_it_has_no_dictionary_and_does_not_change(self) -> None:
        secret: Any = Secret(HIDDEN)
        with pytest.raises(TypeError):
            vars(secret)
        for name in ("_text", "other"):
            with pytest.raises(AttributeError, match="A Secret does not change"):
                setattr(secret, name, "else")
        assert secret.reveal() == HIDDEN

    def test_a_traceback_with_locals_does_not_show_it(self) -> None:
        tokens = UserPoolTokens(access_token=Secret(HIDDEN), refresh_token=Secret(HIDDEN[::-1]))

        def fails_with_it_at_hand(secret: Secret) -> None:
            data = SignedInData(tokens=tokens, sign_in_method=SignInMethod.USER_POOL)
            assert read_claims(secret) is None
            data.check()

        with pytest.raises(ConfigurationException) as raised:
            fails_with_it_at_hand(Secret(HIDDEN))
        text = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
        assert "secret = Secret(...)" in text
        assert "access_token=Secret(...)" in text
        assert HIDDEN not in text
        assert HIDDEN[::-1] not in text

    def test_secrets_are_equal_when_their_texts_are(self) -> None:
        assert Secret("one") == Secret("one")
        assert Secret("one") != Secret("two")
        assert Secret("ü") != Secret("u")
        assert (Secret("one") == "one", hash(Secret("one")) == hash("one")) == (False, False)
        assert len({Secret("one"), Secret("one"), Secret("two")}) == 2

    def test_an_empty_secret_is_false(self) -> None:
        assert (bool(Secret("")), bool(Secret("x"))) == (False, True)

    @pytest.mark.parametrize("wrong", [None, b"token", 5, ["token"], Secret("token")])
    def test_only_a_text_can_be_hidden(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=f"A Secret hides a text, not a value of type {type(wrong).__name__}"):
            Secret(wrong)


# Tokens are base64url with dots, AWS secret keys and session tokens base64, client secrets alphanumeric.
_ALPHABETS = [
    string.ascii_letters + string.digits,
    string.ascii_letters + string.digits + "-_.",
    string.ascii_letters + string.digits + "+/=",
]
_SECRETS = st.sampled_from(_ALPHABETS).flatmap(lambda alphabet: st.text(alphabet, min_size=20, max_size=60))
_AROUND = st.text(max_size=20)


def _quote_in_lower_case(text: str) -> str:
    return re.sub("%..", lambda escape: escape[0].lower(), quote_plus(text))


class TestScrub:
    @given(secret=_SECRETS, before=_AROUND, after=_AROUND)
    def test_a_secret_does_not_survive_as_such(self, secret: str, before: str, after: str) -> None:
        assert secret not in scrub(before + secret + after, [Secret(secret)])

    @pytest.mark.parametrize("encode", [quote_plus, lambda text: quote_plus(quote_plus(text))])
    @given(secret=_SECRETS, before=_AROUND, after=_AROUND)
    def test_a_secret_does_not_survive_url_encoded(
        self, encode: Callable[[str], str], secret: str, before: str, after: str
    ) -> None:
        assert encode(secret) not in scrub(encode(before) + encode(secret) + encode(after), [Secret(secret)])

    @pytest.mark.parametrize("encode", [quote, _quote_in_lower_case, lambda text: _quote_in_lower_case(quote(text))])
    @example(secret="AKIA/example+key/with=slashes", before="", after="")
    @given(secret=_SECRETS, before=_AROUND, after=_AROUND)
    def test_a_secret_does_not_survive_any_usual_url_encoding(
        self, encode: Callable[[str], str], secret: str, before: str, after: str
    ) -> None:
        assert encode(secret) not in scrub(encode(before) + encode(secret) + encode(after), [Secret(secret)])

    @pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
    @given(secret=_SECRETS, before=st.binary(max_size=10), after=st.binary(max_size=10))
    def test_a_secret_does_not_survive_in_base64(
        self, encode: Callable[[bytes], bytes], secret: str, before: bytes, after: bytes
    ) -> None:
        encoded = encode(before + secret.encode() + after).decode()
        assert len(encoded) >= 20
        left = scrub(f"body={encoded};", [Secret(secret)])
        assert "[token]" in left
        # What is left are the characters that carry bits of the neighbours, one or two at either end.
        hidden_bytes = sum(len(part) for part in left.removeprefix("body=").removesuffix(";").split("[token]")) * 6 / 8
        assert hidden_bytes <= len(before) + len(after) + 6

    @given(secret=_SECRETS)
    def test_a_secret_does_not_survive_url_encoded_base64(self, secret: str) -> None:
        encoded = quote_plus(base64.b64encode(secret.encode()).decode())
        left = scrub(f"?state={encoded}&x=1", [Secret(secret)])
        assert left.startswith("?state=[token]")
        assert encoded[:-4] not in left

    @given(secrets=st.lists(_SECRETS, min_size=2, max_size=4), around=_AROUND)
    def test_several_secrets_are_hidden_even_one_within_the_other(self, secrets: list[str], around: str) -> None:
        secrets = [*secrets, secrets[0] + secrets[1]]
        left = scrub(around.join(secrets), map(Secret, secrets))
        assert [secret for secret in secrets if secret in left] == []

    @given(
        header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "cty", "enc"]), st.text(), min_size=1),
        parts=st.lists(st.text(string.ascii_letters + string.digits + "-_"), min_size=0, max_size=4),
    )
    def test_what_looks_like_a_json_web_token_is_hidden_without_being_known(
        self, header: dict[str, str], parts: list[str]
    ) -> None:
        head = base64.urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).decode().rstrip("=")
        token = ".".join([head, *parts])
        assert scrub(f"Authorization: Bearer {token}") == "Authorization: Bearer [token]"

    @given(words=st.lists(st.sampled_from(["The", "service", "refused", "token:", "key=1", "403", "eyJ", "é"])))
    def test_ordinary_text_is_left_alone(self, words: list[str]) -> None:
        text = " ".join(words)
        assert scrub(text, [Secret(HIDDEN)]) == text

    def test_a_text_too_short_to_be_a_secret_tears_no_holes(self) -> None:
        assert scrub("a abc refused", [Secret(""), Secret("a"), Secret("abc")]) == "a abc refused"
        assert scrub("pass: abcd", [Secret("abcd")]) == "pass: [token]"

    def test_the_rest_of_the_text_is_kept(self) -> None:
        assert scrub(f"before {HIDDEN} between {HIDDEN} after", [Secret(HIDDEN)]) == (
            "before [token] between [token] after"
        )

    def test_a_secret_that_is_no_utf_8_is_hidden_too(self) -> None:
        broken = Secret("\ud800" + HIDDEN)
        assert broken != Secret(HIDDEN)
        assert scrub(f"said {broken.reveal()}", [broken]) == "said [token]"


def _part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _token(payload: object, header: object = None) -> Secret:
    return Secret(f"{_part(header or {'alg': 'RS256', 'kid': 'key'})}.{_part(payload)}.{_part(b'signature')}")


NOTHING: Final = Claims(expires_at=None, origin_jti=None, scopes=frozenset(), subject=None, username=None)


class TestReadClaims:
    def test_what_a_sign_out_asks_for_is_read(self) -> None:
        token = _token(
            {
                "exp": 1_900_000_000,
                "origin_jti": "origin",
                "scope": "aws.cognito.signin.user.admin openid",
                "sub": "subject",
                "username": "ada",
            }
        )
        assert read_claims(token) == Claims(
            expires_at=datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC),
            origin_jti="origin",
            scopes=frozenset({"aws.cognito.signin.user.admin", "openid"}),
            subject="subject",
            username="ada",
        )

    def test_an_id_token_names_the_user_in_its_own_way(self) -> None:
        claims = read_claims(_token({"cognito:username": "ada"}))
        assert claims is not None
        assert claims.username == "ada"

    def test_a_token_that_has_expired_is_read_all_the_same(self) -> None:
        claims = read_claims(_token({"exp": 1}))
        assert claims is not None
        assert claims.expires_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ".",
            "..",
            "opaque",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            "é.é.é",
            "\ud800.b.c",
            _token({}).reveal() + ".x",
            _token({}).reveal().partition(".")[2],
        ],
    )
    def test_what_is_no_json_web_token_has_no_claims(self, text: str) -> None:
        assert read_claims(Secret(text)) is None

    @pytest.mark.parametrize("payload", [[], "text", 1, None, b"", b"\xff", b"[" * 100_000, b'{"sub":'])
    def test_a_payload_that_is_no_object_has_no_claims(self, payload: object) -> None:
        assert read_claims(_token(payload)) is None

    @pytest.mark.parametrize("header", [[1], b"\xff", b"[" * 100_000, {"alg": "none", "b64": False}])
    def test_a_header_that_is_no_header_has_no_claims(self, header: object) -> None:
        assert read_claims(_token({}, header)) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            {"exp": "1900000000"},
            {"exp": True},
            {"exp": None},
            {"exp": [1]},
            {"exp": 10**30},
            {"exp": -(10**30)},
            {"exp": 1e300},
            {"exp": float("inf")},
            {"exp": float("nan")},
            {"scope": ["openid"]},
            {"scope": {"openid": 1}},
            {"scope": "   "},
            {"origin_jti": 1, "sub": 2, "username": {"name": "ada"}, "cognito:username": ["ada"]},
            {"claims": {"exp": 1, "sub": "nested"}},
        ],
    )
    def test_a_claim_that_is_not_what_it_should_be_counts_as_missing(self, wrong: dict[str, object]) -> None:
        assert read_claims(_token(wrong)) == NOTHING

    @given(
        payload=st.dictionaries(
            st.sampled_from(["exp", "iat", "nbf", "aud", "iss", "jti", "sub", "scope", "username", "origin_jti"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
                max_leaves=5,
            ),
        )
    )
    def test_no_payload_makes_it_raise(self, payload: dict[str, object]) -> None:
        assert isinstance(read_claims(_token(payload)), Claims)

    @given(text=st.text() | st.text(string.ascii_letters + string.digits + "-_=."))
    def test_no_text_makes_it_raise(self, text: str) -> None:
        assert read_claims(Secret(text)) is None or text.count(".") == 2


ACCESS: Final = _token({"sub": "subject"}).reveal()
REFRESH: Final = "eyJjdHkiOiJKV1QifQ.AbC-_=.x"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
SIGNED_IN: Final = SignedInData(
    username="ada",
    sign_in_method=SignInMethod.USER_POOL,
    tokens=UserPoolTokens.from_text(access_token=ACCESS, id_token=ACCESS, refresh_token=REFRESH),
    aws_credentials=AWSCredentials(
        access_key_id="AKIA", secret_access_key=Secret("key"), session_token=Secret("session"), expiration=NOON
    ),
    signed_in_at=NOON,
    refresh_token_expires_at=NOON,
)


class TestSignedInData:
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(SIGNED_IN, id="everything"),
            pytest.param(replace(SIGNED_IN, tokens=UserPoolTokens.from_text(access_token=ACCESS)), id="access token"),
            pytest.param(replace(SIGNED_IN, tokens=UserPoolTokens.from_text(refresh_token=REFRESH)), id="refresh"),
            pytest.param(SignedInData(sign_in_method=SignInMethod.GUEST), id="guest"),
            pytest.param(
                SignedInData(sign_in_method=SignInMethod.GUEST, tokens=UserPoolTokens.from_text(access_token="opaque")),
                id="guest with an odd token",
            ),
            pytest.param(SignedInData(sign_in_method=SignInMethod.FEDERATED), id="federated"),
        ],
    )
    def test_what_can_be_signed_out_is_accepted(self, data: SignedInData) -> None:
        data.check()

    @pytest.mark.parametrize(
        ("changes", "message", "suggestion"),
        [
            ({"tokens": None}, "neither an access token nor a refresh token", "sign_in_method=SignInMethod.GUEST"),
            (
                {"tokens": UserPoolTokens.from_text(id_token=ACCESS)},
                "neither an access token nor a refresh token",
                "Pass the tokens of the sign-in",
            ),
            (
                {"tokens": UserPoolTokens(access_token=Secret(""), refresh_token=Secret(""))},
                "neither an access token nor a refresh token",
                "Pass the tokens of the sign-in",
            ),
            (
                {"tokens": UserPoolTokens.from_text(access_token=HIDDEN)},
                "The access_token is not a JSON Web Token.",
                "Pass the access_token just as Cognito returned it.",
            ),
            (
                {"tokens": UserPoolTokens.from_text(access_token=ACCESS, id_token=HIDDEN)},
                "The id_token is not a JSON Web Token.",
                "Pass the id_token just as Cognito returned it.",
            ),
            (
                {"tokens": UserPoolTokens.from_text(refresh_token=f"{HIDDEN}\n")},
                "The refresh_token has characters that no Cognito token has.",
                "Pass the refresh_token just as Cognito returned it.",
            ),
            (
                {"tokens": UserPoolTokens.from_text(refresh_token=f"Bearer {HIDDEN}")},
                "The refresh_token has characters that no Cognito token has.",
                "Pass the refresh_token just as Cognito returned it.",
            ),
            (
                {"sign_in_method": SignInMethod.FEDERATED, "tokens": UserPoolTokens.from_text(access_token=HIDDEN)},
                "The access_token is not a JSON Web Token.",
                "Pass the access_token",
            ),
            ({"signed_in_at": datetime(2026, 1, 1)}, "signed_in_at has no time zone.", "datetime.now(UTC)"),  # noqa: DTZ001
            (
                {"refresh_token_expires_at": datetime(2026, 1, 1)},  # noqa: DTZ001
                "refresh_token_expires_at has no time zone.",
                ".replace(tzinfo=UTC)",
            ),
            (
                {"aws_credentials": replace(SIGNED_IN.aws_credentials, expiration=datetime(2026, 1, 1))},  # type: ignore[type-var]  # noqa: DTZ001
                "aws_credentials.expiration has no time zone.",
                ".replace(tzinfo=UTC)",
            ),
        ],
    )
    def test_what_could_never_be_signed_out_properly_is_refused_without_showing_it(
        self, changes: dict[str, Any], message: str, suggestion: str
    ) -> None:
        with pytest.raises(ConfigurationException) as refusal:
            replace(SIGNED_IN, **changes).check()
        assert message in refusal.value.message
        assert suggestion in refusal.value.recovery_suggestion
        assert HIDDEN not in f"{refusal.value} {refusal.value!r}"

    def test_everything_that_must_not_be_seen_is_named(self) -> None:
        hidden = [secret.reveal() for secret in SIGNED_IN.secrets()]
        assert hidden == [ACCESS, ACCESS, REFRESH, "key", "session"]
        assert list(SignedInData().secrets()) == []
        assert list(UserPoolTokens(access_token=Secret("")).secrets()) == []

    def test_no_representation_shows_a_token(self) -> None:
        shown = repr(SIGNED_IN)
        assert "ada" in shown
        assert [secret.reveal() for secret in SIGNED_IN.secrets() if f"{secret.reveal()!r}" in shown] == []

    def test_empty_texts_count_as_missing_tokens(self) -> None:
        assert UserPoolTokens.from_text(access_token="", id_token=None, refresh_token="") == UserPoolTokens()

    def test_a_session_without_a_time_was_opened_now(self) -> None:
        assert SignedInData().signed_in_at.tzinfo is UTC
