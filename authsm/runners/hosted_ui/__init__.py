"""Signing the browser out of the hosted UI (managed login), which keeps a cookie that no API call ends.

`judge` decides what one request of the browser means, without any I/O. The handlers: `LoopbackHostedUI` and
`AsyncLoopbackHostedUI` for programs on the user's own machine, `PrintUrlHostedUI` where the browser is elsewhere, and
`NoHostedUI` where there is none.
"""

from authsm.runners.hosted_ui.asynchronous import AsyncLoopbackHostedUI
from authsm.runners.hosted_ui.elsewhere import NoHostedUI, PrintUrlHostedUI
from authsm.runners.hosted_ui.judge import (
    Answer,
    CameBack,
    CameBackWithError,
    Expected,
    KeepWaiting,
    Verdict,
    judge,
)
from authsm.runners.hosted_ui.loopback import LoopbackHostedUI
from authsm.runners.hosted_ui.urls import LogoutURL, cognito_logout_url, oidc_logout_url

__all__ = [
    "Answer",
    "AsyncLoopbackHostedUI",
    "CameBack",
    "CameBackWithError",
    "Expected",
    "KeepWaiting",
    "LogoutURL",
    "LoopbackHostedUI",
    "NoHostedUI",
    "PrintUrlHostedUI",
    "Verdict",
    "cognito_logout_url",
    "judge",
    "oidc_logout_url",
]
