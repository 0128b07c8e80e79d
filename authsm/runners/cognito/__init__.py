"""The remote steps of a sign-out at Amazon Cognito, through boto3.

Where to look:

- `runner`: `CognitoRunner`, one handler for each remote step
- `client`: makes the boto3 client, late, and says what is wrong with its settings
- `answers`: what an answer or an exception of boto3 means
- `wire_logs`: takes tokens out of what boto3 and its parts log
"""

from __future__ import annotations

from authsm.runners.cognito.runner import CognitoRunner

__all__ = ["CognitoRunner"]
