"""What every sign-out has to do, whoever wrote it: a suite for an SDK's own ``logout``.

::

    class TestMySignOut(SignOutConformance):
        def sign_in(self, cognito, client, tokens):
            return MyUser(cognito.endpoint_url, client.id, tokens)    # a user who is signed in with these tokens

        def sign_out(self, user):
            user.logout()           # or: return whether it says that all was done

        def tokens_of(self, user):
            return [user.access_token, user.refresh_token]            # what is still held here; None where it is gone

Each of the three may be an async function. It runs against a `FakeCognito`; what the sign-out *says* is held against
what the service and the device hold in truth. A sign-out that raises, or returns False, says that it failed.
"""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from authsm.credentials import Secret, scrub
from authsm.testing.conformance.services import FAULTS, Trouble
from authsm.testing.conformance.shown import listening
from authsm.testing.conformance.stage import Ran, Stage, described
from authsm.testing.conformance.suite import ConformanceSuite, expect, refute, source_of
from authsm.testing.fake_cognito import FakeCognito

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from authsm.testing.fake_cognito import FakeClient, FakeTokens

SIGNS_OUT_EVERYWHERE: Final = "signs_out_everywhere"

_EXPIRED_SECONDS: Final = 3700.0
_OPERATIONS: Final = (
    "GlobalSignOut",
    "AdminUserGlobalSignOut",
    "RevokeToken",
    "POST /oauth2/revoke",
    "GetTokensFromRefreshToken",
    "InitiateAuth",
    "POST /oauth2/token",
)
"""Everything that a sign-out may ask of the service."""

_GLOBAL: Final = _OPERATIONS[:2]
_IMPORTS: Final = "from authsm.testing.conformance import Trouble\n"


@dataclass
class SignedIn:
    """A user who is signed in, here and on another device.

    Attributes:
        user: What the suite's ``sign_in`` gave.
        here: The tokens of this device.
        elsewhere: Those of the other.
    """

    user: Any
    here: FakeTokens
    elsewhere: FakeTokens


@dataclass
class Scene:
    """A `FakeCognito`, and a user who signs out.

    Attributes:
        cognito: The service.
        client: The app client.
        stage: Where the sign-out runs.
        suite: Whose.
        lines: What was done, as source.
    """

    cognito: FakeCognito
    client: FakeClient
    stage: Stage
    suite: SignOutConformance
    lines: list[str] = field(default_factory=list[str])

    def sign_in(self, *, seconds_ago: float = 0.0) -> SignedIn:
        """Sign the user in, here and elsewhere.

        Args:
            seconds_ago: How long ago it was here, in seconds.
        """
        self.lines.append(f"user = scene.sign_in({f'seconds_ago={seconds_ago:g}' if seconds_ago else ''})")
        here = self.cognito.sign_in(self.client, "ada", seconds_ago=seconds_ago)
        elsewhere = self.cognito.sign_in(self.client, "ada")
        user = self.run(self.suite.sign_in, self.cognito, self.client, here).result("sign_in")
        return SignedIn(user, here, elsewhere)

    def spoil(self, trouble: Trouble, *operations: str) -> None:
        """Let something go wrong with each further call of some operations; of all, if none is named."""
        self.lines.append(f"scene.spoil(Trouble.{trouble.name}{''.join(f', {each!r}' for each in operations)})")
        for operation in operations or _OPERATIONS:
            self.cognito.fail(operation, FAULTS[trouble], times=None)

    def go_away(self) -> None:
        """Stop listening."""
        self.lines.append("scene.go_away()")
        self.cognito.stop()

    def sign_out(self, signed_in: SignedIn) -> Ran:
        """Sign the user out."""
        self.lines.append("ran = scene.sign_out(user)")
        ran = self.run(self.suite.sign_out, signed_in.user)
        said = ran.value is None or isinstance(ran.value, bool)
        expect(said, f"sign_out returns True, False or None, or raises; it returned a {type(ran.value).__name__}")
        return ran

    def held(self, signed_in: SignedIn) -> bool:
        """Tell whether a token of this device is still held there."""
        found = self.run(self.suite.tokens_of, signed_in.user).result("tokens_of")
        return any(token.reveal() if isinstance(token, Secret) else token for token in found or ())

    def says_done(self, ran: Ran) -> bool:
        """Tell whether the sign-out says that all was done."""
        return ran.ended and ran.error is None and ran.value is not False

    def run(self, function: Callable[..., Any], *arguments: Any) -> Ran:
        """Call a function of the suite, plain or async, for at most its seconds."""
        ran = self.stage.run(function, *arguments, seconds=self.suite.seconds)
        if inspect.iscoroutine(ran.value):
            ran.value.close()
            raise AssertionError("expected that what has to be awaited comes from an async function, found a plain one")
        return ran

    def require(self, condition: object, source: str, what: str, ran: Ran | None = None) -> None:
        """Fail unless something is so; see `Bench.require`."""
        if not condition:
            self.lines.append(f"assert {source}")
            found = "" if ran is None else f"; {_told(ran)}"
            raise AssertionError(f"expected that {what}{found}")


class SignOutConformance(ConformanceSuite):
    """The tests of a sign-out, each a method whose name begins with ``test``, and none needs another.

    Attributes:
        seconds: How long a sign-out may take, whatever the service does.
    """

    known_limitations: ClassVar[Mapping[str, str]] = {
        SIGNS_OUT_EVERYWHERE: "it ends the user's sessions on all devices, and means to",
    }
    seconds: float = 10.0

    def sign_in(self, cognito: FakeCognito, client: FakeClient, tokens: FakeTokens) -> Any:
        """Give a user who is signed in with these tokens. May be an async function.

        Args:
            cognito: The service; it runs.
            client: The app client, which has no secret.
            tokens: What the service handed out.
        """
        raise NotImplementedError("Say how a user is signed in.")

    def sign_out(self, user: Any) -> Any:
        """Sign the user out. May be an async function.

        Args:
            user: What `sign_in` gave.

        Returns:
            False where it says that something was not done; True or None where it does not. Or it raises.
        """
        raise NotImplementedError("Say how a user is signed out.")

    def tokens_of(self, user: Any) -> Any:
        """Give the tokens that are still held on this device. May be an async function.

        Args:
            user: What `sign_in` gave.

        Returns:
            Tokens, or None, or any number of either: empty where they are gone.
        """
        raise NotImplementedError("Say what is still held.")

    @contextlib.contextmanager
    def scene(self) -> Generator[Scene]:
        """Set a service up, with the user ada, to try things out, and take it down again."""
        with Stage() as stage, FakeCognito() as cognito:
            cognito.add_user("ada")
            scene = Scene(cognito, cognito.add_client(), stage, self)
            try:
                yield scene
            except AssertionError as error:
                raise AssertionError(f"{error}\n\nTo repeat it:\n\n{self._script(scene)}\n") from error

    def _script(self, scene: Scene) -> str:
        done = "\n".join(f"    {line}" for line in scene.lines or ["pass"])
        return f"{_IMPORTS}{source_of(self)}\nwith suite.scene() as scene:\n{done}"

    def test_a_fresh_session_is_signed_out(self) -> None:
        """Nothing goes wrong: it says so, and it is so, here and at the service."""
        with self.scene() as scene:
            user = scene.sign_in()
            ran = scene.sign_out(user)
            scene.require(scene.says_done(ran), "scene.says_done(ran)", "it says that it is done", ran)
            _require_forgotten(scene, user, ran)
            _require_revoked(scene, user, ran)

    def test_an_expired_access_token_does_not_stop_it(self) -> None:
        """An hour after sign-in every access token has expired, and users sign out all the same."""
        with self.scene() as scene:
            user = scene.sign_in(seconds_ago=_EXPIRED_SECONDS)
            ran = scene.sign_out(user)
            scene.require(scene.says_done(ran), "scene.says_done(ran)", "it says that it is done", ran)
            _require_forgotten(scene, user, ran)
            _require_revoked(scene, user, ran)

    def test_the_refresh_token_is_revoked_even_if_a_global_sign_out_fails(self) -> None:
        """A global sign-out needs a live access token and a scope; revoking needs neither."""
        with self.scene() as scene:
            user = scene.sign_in()
            scene.spoil(Trouble.REFUSED, *_GLOBAL)
            _require_revoked(scene, user, scene.sign_out(user))

    def test_other_devices_stay_signed_in(self) -> None:
        """Unless it means to end them; then the limitation ``signs_out_everywhere`` says so."""
        with self.scene() as scene:
            user = scene.sign_in()
            ran = scene.sign_out(user)
            alive = scene.cognito.holds(user.elsewhere.refresh_token)
            if not self._declares(SIGNS_OUT_EVERYWHERE):
                source = "scene.cognito.holds(user.elsewhere.refresh_token)"
                scene.require(alive, source, "the user's session on another device lives on", ran)
            elif alive:
                refute(SIGNS_OUT_EVERYWHERE, "the user's session on another device lives on")

    def test_tokens_are_gone_though_the_service_refuses(self) -> None:
        """Whatever the service says, the user has signed out of this device."""
        with self.scene() as scene:
            user = scene.sign_in()
            scene.spoil(Trouble.REFUSED)
            _require_forgotten(scene, user, scene.sign_out(user))

    def test_tokens_are_gone_though_the_service_is_unreachable(self) -> None:
        """In a plane, too."""
        with self.scene() as scene:
            user = scene.sign_in()
            scene.go_away()
            _require_forgotten(scene, user, scene.sign_out(user))

    def test_it_ends_and_tokens_are_gone_though_the_service_never_answers(self) -> None:
        """Within the suite's ``seconds``."""
        with self.scene() as scene:
            user = scene.sign_in()
            scene.spoil(Trouble.SILENCE)
            _require_forgotten(scene, user, scene.sign_out(user))

    def test_a_refusal_is_told(self) -> None:
        """It does not say that it is done where the service said no."""
        self._is_told(Trouble.REFUSED)

    def test_a_captive_portal_is_not_taken_for_the_service(self) -> None:
        """HTTP 200 with a page of HTML is no answer of the service."""
        self._is_told(Trouble.FOREIGN_PAGE)

    def test_a_cut_connection_is_told(self) -> None:
        """Nothing was done."""
        self._is_told(Trouble.CONNECTION_CLOSED)

    def _is_told(self, trouble: Trouble) -> None:
        with self.scene() as scene:
            user = scene.sign_in()
            scene.spoil(trouble)
            ran = scene.sign_out(user)
            says_failed = ran.ended and not scene.says_done(ran)
            scene.require(says_failed, "ran.ended and not scene.says_done(ran)", "it says that it failed", ran)

    def test_no_token_is_shown(self) -> None:
        """Not in what is logged at DEBUG by any library, printed or raised; done or not."""
        for trouble in (None, Trouble.TOKEN_ECHOED, Trouble.ANSWER_LOST):
            with self.scene() as scene:
                user = scene.sign_in()
                if trouble:
                    scene.spoil(trouble)
                with listening() as shown:
                    ran = scene.sign_out(user)
                shown.add_result(ran.value, ran.error)
                texts = (user.here.access_token, user.here.id_token, user.here.refresh_token)
                leaks = shown.leaks([Secret(text) for text in texts])
                expect(not leaks, f"it shows no token; found one in {'; '.join(leaks)}")


def _told(ran: Ran) -> str:
    if not ran.ended:
        return "it does not end"
    if ran.error is not None:
        return f"it raised {scrub(described(ran.error))}"
    return "it says that it failed" if ran.value is False else "it says that it is done"


def _require_forgotten(scene: Scene, user: SignedIn, ran: Ran) -> None:
    scene.require(ran.ended, "ran.ended", f"it ends within {scene.suite.seconds:g} s", ran)
    scene.require(not scene.held(user), "not scene.held(user)", "no token is held on this device", ran)


def _require_revoked(scene: Scene, user: SignedIn, ran: Ran) -> None:
    alive = scene.cognito.holds(user.here.refresh_token)
    source = "not scene.cognito.holds(user.here.refresh_token)"
    scene.require(not alive, source, "the refresh token is dead at the service", ran)
