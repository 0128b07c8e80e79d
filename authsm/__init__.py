"""authsm: explicit state machines for authentication flows.

Its flow is Amazon Cognito sign-out. Everything that applications and SDKs import comes from here, and is loaded when it
is first used; ``authsm.stores``, ``authsm.runners``, ``authsm.flows.sign_out``, ``authsm.diagrams``, ``authsm.web`` and
``authsm.testing`` are documented subpackages. Names that begin with an underscore may change in any release.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from authsm._version import __version__

if TYPE_CHECKING:
    from authsm.auth.asynchronous import AsyncAuth as AsyncAuth
    from authsm.auth.blocking import Auth as Auth
    from authsm.auth.embedding import sign_out as sign_out
    from authsm.auth.session import AuthState as AuthState
    from authsm.auth.session import Credentials as Credentials
    from authsm.core.chart import Chart as Chart
    from authsm.core.chart import Doing as Doing
    from authsm.core.chart import End as End
    from authsm.core.chart import Ending as Ending
    from authsm.core.chart import Waiting as Waiting
    from authsm.core.drive import Answer as Answer
    from authsm.core.drive import Ask as Ask
    from authsm.core.drive import Interrupt as Interrupt
    from authsm.core.drive import LateAnswer as LateAnswer
    from authsm.core.drive import Limits as Limits
    from authsm.core.drive import Transition as Transition
    from authsm.core.drive import drive as drive
    from authsm.core.graph import Graph as Graph
    from authsm.core.graph import explore as explore
    from authsm.core.machine import Machine as Machine
    from authsm.core.machine import Snapshot as Snapshot
    from authsm.core.machine import SnapshotError as SnapshotError
    from authsm.core.machine import Step as Step
    from authsm.core.machine import UnexpectedEventError as UnexpectedEventError
    from authsm.core.table import ChartError as ChartError
    from authsm.core.vocabulary import Context as Context
    from authsm.core.vocabulary import Effect as Effect
    from authsm.core.vocabulary import EffectCancelledError as EffectCancelledError
    from authsm.core.vocabulary import EffectFailedError as EffectFailedError
    from authsm.core.vocabulary import Event as Event
    from authsm.core.vocabulary import FailedReply as FailedReply
    from authsm.core.vocabulary import Failure as Failure
    from authsm.core.vocabulary import FailureKind as FailureKind
    from authsm.credentials import AWSCredentials as AWSCredentials
    from authsm.credentials import Secret as Secret
    from authsm.credentials import SignedInData as SignedInData
    from authsm.credentials import SignInMethod as SignInMethod
    from authsm.credentials import UserPoolTokens as UserPoolTokens
    from authsm.errors import AuthException as AuthException
    from authsm.errors import ConfigurationException as ConfigurationException
    from authsm.errors import CredentialStoreException as CredentialStoreException
    from authsm.errors import GlobalSignOutException as GlobalSignOutException
    from authsm.errors import HostedUISignOutException as HostedUISignOutException
    from authsm.errors import InvalidStateException as InvalidStateException
    from authsm.errors import RevokeTokenException as RevokeTokenException
    from authsm.errors import UserCancelledException as UserCancelledException
    from authsm.flows.sign_out.chart import SIGN_OUT as SIGN_OUT
    from authsm.flows.sign_out.chart import SignOut as SignOut
    from authsm.flows.sign_out.context import SignOutContext as SignOutContext
    from authsm.flows.sign_out.effects import ClearCredentials as ClearCredentials
    from authsm.flows.sign_out.effects import GlobalSignOut as GlobalSignOut
    from authsm.flows.sign_out.effects import RefreshTokens as RefreshTokens
    from authsm.flows.sign_out.effects import RevokeToken as RevokeToken
    from authsm.flows.sign_out.effects import ShowHostedUISignOut as ShowHostedUISignOut
    from authsm.flows.sign_out.effects import TokenRevoked as TokenRevoked
    from authsm.flows.sign_out.plan import Why as Why
    from authsm.flows.sign_out.policy import Authority as Authority
    from authsm.flows.sign_out.policy import HostedUIOrder as HostedUIOrder
    from authsm.flows.sign_out.policy import RemoteOrder as RemoteOrder
    from authsm.flows.sign_out.policy import SignOutPolicy as SignOutPolicy
    from authsm.flows.sign_out.results import CompleteSignOut as CompleteSignOut
    from authsm.flows.sign_out.results import Done as Done
    from authsm.flows.sign_out.results import Failed as Failed
    from authsm.flows.sign_out.results import FailedSignOut as FailedSignOut
    from authsm.flows.sign_out.results import GlobalSignOutError as GlobalSignOutError
    from authsm.flows.sign_out.results import HostedUIError as HostedUIError
    from authsm.flows.sign_out.results import NotRequested as NotRequested
    from authsm.flows.sign_out.results import PartialSignOut as PartialSignOut
    from authsm.flows.sign_out.results import RevokeTokenError as RevokeTokenError
    from authsm.flows.sign_out.results import SignOutResult as SignOutResult
    from authsm.flows.sign_out.results import Skipped as Skipped
    from authsm.flows.sign_out.results import StepResult as StepResult
    from authsm.flows.sign_out.results import Steps as Steps
    from authsm.observe import JournalFailed as JournalFailed
    from authsm.observe import Notice as Notice
    from authsm.observe import Observer as Observer
    from authsm.observe import ObserverDropped as ObserverDropped
    from authsm.observe import SignedOutLocally as SignedOutLocally
    from authsm.runners.cognito import CognitoRunner as CognitoRunner
    from authsm.runners.handlers import Call as Call
    from authsm.runners.handlers import EffectRunner as EffectRunner
    from authsm.runners.handlers import Handler as Handler
    from authsm.runners.handlers import Runner as Runner
    from authsm.runners.handlers import compose as compose
    from authsm.runners.hosted_ui import AsyncLoopbackHostedUI as AsyncLoopbackHostedUI
    from authsm.runners.hosted_ui import LoopbackHostedUI as LoopbackHostedUI
    from authsm.runners.hosted_ui import NoHostedUI as NoHostedUI
    from authsm.runners.hosted_ui import PrintUrlHostedUI as PrintUrlHostedUI
    from authsm.stores.contract import CredentialStore as CredentialStore
    from authsm.stores.file import FileCredentialStore as FileCredentialStore
    from authsm.stores.keyring import KeyringCredentialStore as KeyringCredentialStore
    from authsm.stores.memory import MemoryCredentialStore as MemoryCredentialStore
    from authsm.stores.sqlite import SQLiteCredentialStore as SQLiteCredentialStore

_HOMES = {
    "authsm.auth.asynchronous": ("AsyncAuth",),
    "authsm.auth.blocking": ("Auth",),
    "authsm.auth.embedding": ("sign_out",),
    "authsm.auth.session": ("AuthState", "Credentials"),
    "authsm.core.chart": ("Chart", "Doing", "End", "Ending", "Waiting"),
    "authsm.core.drive": ("Answer", "Ask", "Interrupt", "LateAnswer", "Limits", "Transition", "drive"),
    "authsm.core.graph": ("Graph", "explore"),
    "authsm.core.machine": ("Machine", "Snapshot", "SnapshotError", "Step", "UnexpectedEventError"),
    "authsm.core.table": ("ChartError",),
    "authsm.core.vocabulary": (
        "Context",
        "Effect",
        "EffectCancelledError",
        "EffectFailedError",
        "Event",
        "FailedReply",
        "Failure",
        "FailureKind",
    ),
    "authsm.credentials": ("AWSCredentials", "Secret", "SignInMethod", "SignedInData", "UserPoolTokens"),
    "authsm.errors": (
        "AuthException",
        "ConfigurationException",
        "CredentialStoreException",
        "GlobalSignOutException",
        "HostedUISignOutException",
        "InvalidStateException",
        "RevokeTokenException",
        "UserCancelledException",
    ),
    "authsm.flows.sign_out.chart": ("SIGN_OUT", "SignOut"),
    "authsm.flows.sign_out.context": ("SignOutContext",),
    "authsm.flows.sign_out.effects": (
        "ClearCredentials",
        "GlobalSignOut",
        "RefreshTokens",
        "RevokeToken",
        "ShowHostedUISignOut",
        "TokenRevoked",
    ),
    "authsm.flows.sign_out.plan": ("Why",),
    "authsm.flows.sign_out.policy": ("Authority", "HostedUIOrder", "RemoteOrder", "SignOutPolicy"),
    "authsm.flows.sign_out.results": (
        "CompleteSignOut",
        "Done",
        "Failed",
        "FailedSignOut",
        "GlobalSignOutError",
        "HostedUIError",
        "NotRequested",
        "PartialSignOut",
        "RevokeTokenError",
        "SignOutResult",
        "Skipped",
        "StepResult",
        "Steps",
    ),
    "authsm.observe": ("JournalFailed", "Notice", "Observer", "ObserverDropped", "SignedOutLocally"),
    "authsm.runners.cognito": ("CognitoRunner",),
    "authsm.runners.handlers": ("Call", "EffectRunner", "Handler", "Runner", "compose"),
    "authsm.runners.hosted_ui": ("AsyncLoopbackHostedUI", "LoopbackHostedUI", "NoHostedUI", "PrintUrlHostedUI"),
    "authsm.stores.contract": ("CredentialStore",),
    "authsm.stores.file": ("FileCredentialStore",),
    "authsm.stores.keyring": ("KeyringCredentialStore",),
    "authsm.stores.memory": ("MemoryCredentialStore",),
    "authsm.stores.sqlite": ("SQLiteCredentialStore",),
}

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # type checkers read the imports above, and a test holds the two together
    __all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604 - every name in it is a text


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(("__version__", *_HOME_OF))
