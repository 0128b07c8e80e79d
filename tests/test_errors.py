"""Exceptions say what happened and what to do, and the tree in the docstring is the tree of the classes."""

from __future__ import annotations

import copy
import pickle
import re
from itertools import pairwise

import pytest

from authsm import errors
from authsm.core.vocabulary import EffectCancelledError, Failure, FailureKind
from authsm.errors import AuthException

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AuthException)]
_RETRY = (
    "See `failure` for the service's answer. Call `retry` with this result, or {} with the boto3 client of the runner "
    "(`CognitoRunner.client`)."
)
FAILURE = Failure(FailureKind.REFUSED, "NotAuthorizedException", "Access Token has been revoked")


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = re.findall(r"^ {4}(?:[├└]── )?(\w+Exception)\b", errors.__doc__ or "", re.MULTILINE)
    assert drawn == [each.__name__ for each in CLASSES]
    assert {each.__name__: each.__base__ for each in CLASSES[1:]} == dict.fromkeys(drawn[1:], AuthException)


# Amplify's texts, in Python's terms: no Custom Tab, no amplifyconfiguration.json, and retrying is a method.
@pytest.mark.parametrize(
    ("kind", "message", "suggestion"),
    [
        (AuthException, "The sign-out met an error.", "See `failure` for what happened."),
        (
            errors.UserCancelledException,
            "The user cancelled the sign-out attempt, so it did not complete.",
            "Catch this error, and attempt the sign-out again.",
        ),
        (
            errors.HostedUISignOutException,
            "The hosted UI sign-out did not return to the application; the browser's session may still be valid.",
            "No URL is known to retry with: check the domain and sign-out URLs of the hosted UI handler.",
        ),
        (
            errors.GlobalSignOutException,
            "Failed to sign out globally.",
            _RETRY.format("GlobalSignOut"),
        ),
        (
            errors.RevokeTokenException,
            "Failed to revoke the refresh token.",
            _RETRY.format("RevokeToken"),
        ),
        (
            errors.InvalidStateException,
            "The session is in a state in which this request cannot be processed.",
            "The operation is not valid for the current state of the session.",
        ),
        (
            errors.ConfigurationException,
            "The configuration is incomplete or wrong.",
            "Correct the configuration; nothing has been changed.",
        ),
        (
            errors.CredentialStoreException,
            "The credential store failed.",
            "See `failure` for the cause. Once it is gone, sign out again.",
        ),
    ],
)
def test_each_exception_has_words_of_its_own(kind: type[AuthException], message: str, suggestion: str) -> None:
    assert (kind().message, kind().recovery_suggestion, kind().failure) == (message, suggestion, None)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_caller_may_say_it_better(kind: type[AuthException]) -> None:
    error = kind("What.", "Do this.", failure=FAILURE)
    assert (error.message, error.recovery_suggestion, error.failure) == ("What.", "Do this.", FAILURE)
    assert str(error) == "What. (NotAuthorizedException: Access Token has been revoked) Do this."
    assert str(kind("What.", "Do this.")) == "What. Do this."
    assert repr(error) == f"{kind.__name__}('What.', failure={FAILURE!r})"
    assert error.args == ("What.",)


def test_exceptions_are_equal_when_they_say_the_same() -> None:
    same = [errors.RevokeTokenException("What.", "Do this.", failure=FAILURE) for _ in range(2)]
    others = [
        errors.RevokeTokenException("Else.", "Do this.", failure=FAILURE),
        errors.RevokeTokenException("What.", "Do that.", failure=FAILURE),
        errors.RevokeTokenException("What.", "Do this."),
        errors.GlobalSignOutException("What.", "Do this.", failure=FAILURE),
        AuthException("What.", "Do this.", failure=FAILURE),
    ]
    assert same[0] == same[1]
    assert len({*same, *others}) == 1 + len(others)
    assert all(one != other for one, other in pairwise([same[0], *others]))
    assert same[0] != "What."


@pytest.mark.parametrize("kind", CLASSES)
def test_exceptions_survive_copies_and_pickles(kind: type[AuthException]) -> None:
    error = kind("What.", "Do this.", failure=FAILURE)
    assert copy.copy(error) == error
    assert pickle.loads(pickle.dumps(error)) == error  # noqa: S301 - our own bytes.


def test_a_cancel_is_what_a_handler_raises_to_say_so() -> None:
    assert issubclass(errors.UserCancelledException, EffectCancelledError)
    assert [each.__name__ for each in CLASSES if issubclass(each, EffectCancelledError)] == ["UserCancelledException"]
