"""Signing the browser out of the hosted UI (managed login), which keeps a cookie that no API call ends.

`judge` decides what one request of the browser means, without any I/O; `LoopbackHostedUI` is the handler for programs
on the user's own machine.
"""

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
from authsm.runners.hosted_ui.urls import LogoutURL, cognito_logout_url

__all__ = [
    "Answer",
    "CameBack",
    "CameBackWithError",
    "Expected",
    "KeepWaiting",
    "LogoutURL",
    "LoopbackHostedUI",
    "Verdict",
    "cognito_logout_url",
    "judge",
]
