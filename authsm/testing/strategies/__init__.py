"""Hypothesis strategies for tests of code that uses authsm: what a session, a sign-out or its world may be like.

They need Hypothesis: ``pip install 'authsm[testing]'``. Tokens are `authsm.Secret`s in all of them, so that a failing
example shows none.

::

    >>> from hypothesis import given
    >>> from authsm import Auth, CompleteSignOut, MemoryCredentialStore, SignInMethod
    >>> from authsm.testing import ScriptedRunner

    >>> @given(signed_in_data([SignInMethod.USER_POOL, SignInMethod.HOSTED_UI, SignInMethod.GUEST]))
    ... def test_whoever_is_signed_in_can_be_signed_out(data):
    ...     auth = Auth(MemoryCredentialStore(), ScriptedRunner(hosted_ui_url="https://example.com/logout"))
    ...     auth.sign_in(data)
    ...     assert isinstance(auth.sign_out(), CompleteSignOut)
    >>> test_whoever_is_signed_in_can_be_signed_out()
"""

from __future__ import annotations

from authsm.testing.extras import HYPOTHESIS_IS_MISSING

try:
    import hypothesis as _hypothesis
except ImportError as _missing:
    raise ImportError(HYPOTHESIS_IS_MISSING, name="hypothesis") from _missing

del _hypothesis

from authsm.testing.strategies.credentials import (  # noqa: E402 - first, whether there is Hypothesis at all
    access_tokens,
    aws_credentials,
    id_tokens,
    malformed_tokens,
    refresh_tokens,
    signed_in_data,
    store_keys,
    user_pool_tokens,
)
from authsm.testing.strategies.machines import (  # noqa: E402
    events,
    every_event,
    failures,
    fault_schedules,
    replies,
    snapshots,
)
from authsm.testing.strategies.runs import runs  # noqa: E402
from authsm.testing.strategies.sign_out import (  # noqa: E402
    authorities,
    plans,
    policies,
    sessions,
    sign_out_contexts,
)

__all__ = [
    "access_tokens",
    "authorities",
    "aws_credentials",
    "events",
    "every_event",
    "failures",
    "fault_schedules",
    "id_tokens",
    "malformed_tokens",
    "plans",
    "policies",
    "refresh_tokens",
    "replies",
    "runs",
    "sessions",
    "sign_out_contexts",
    "signed_in_data",
    "snapshots",
    "store_keys",
    "user_pool_tokens",
]
