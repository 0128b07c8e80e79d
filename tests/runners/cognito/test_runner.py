"""The CognitoRunner as a runner."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from authsm.credentials import Secret
from authsm.flows.sign_out.effects import (
    GlobalSignOut,
    RefreshTokens,
    RevokeToken,
    ShowHostedUISignOut,
)
from authsm.flows.sign_out.policy import Authority
from authsm.runners.cognito import CognitoRunner
from authsm.runners.handlers import Call, EffectRunner
from tests.runners.cognito.calls import POOL, SECRET


class TestRunner:
    def test_it_is_a_runner_of_the_remote_effects(self) -> None:
        runner = CognitoRunner(client_id="app", region="eu-central-1")
        assert isinstance(runner, EffectRunner)
        assert set(runner.handlers) == {RefreshTokens, RevokeToken, GlobalSignOut}
        assert runner.authority is Authority.ACCESS_TOKEN
        assert runner.hosted_ui_url is None

    def test_admin_is_authorised_by_iam(self) -> None:
        assert CognitoRunner(client_id="app", user_pool_id=POOL, admin=True).authority is Authority.IAM

    def test_hosted_ui_handler_is_added_with_its_url(self) -> None:
        class HostedUI:
            sign_out_url = "https://example.com/logout"

            def __call__(self, effect: ShowHostedUISignOut, call: Call) -> None:
                raise NotImplementedError

        hosted_ui = HostedUI()
        runner = CognitoRunner(client_id="app", region="eu-central-1", hosted_ui=hosted_ui)
        assert runner.handlers[ShowHostedUISignOut] is hosted_ui
        assert runner.hosted_ui_url == "https://example.com/logout"

    def test_hosted_ui_handler_may_have_no_url(self) -> None:
        def hosted_ui(effect: ShowHostedUISignOut, call: Call) -> None:
            raise NotImplementedError

        runner = CognitoRunner(client_id="app", region="eu-central-1", hosted_ui=hosted_ui)
        assert runner.handlers[ShowHostedUISignOut] is hosted_ui
        assert runner.hosted_ui_url is None

    @pytest.mark.parametrize("secret", [SECRET, Secret(SECRET)])
    def test_representation_and_attributes_show_no_secret(self, secret: Any) -> None:
        runner = CognitoRunner(client_id="app", region="eu-central-1", client_secret=secret)
        assert repr(runner) == "CognitoRunner(client_id='app', region='eu-central-1', admin=False)"
        assert SECRET not in repr(vars(runner))

    def test_heavy_libraries_are_not_imported_before_the_first_call(self) -> None:
        script = (
            "import sys\n"
            "from authsm.runners.cognito import CognitoRunner\n"
            "CognitoRunner(client_id='app', region='eu-central-1')\n"
            "print({'boto3', 'botocore', 'tenacity', 'jwt'} & set(sys.modules))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)  # noqa: S603 - this Python, a fixed script
        assert done.stdout.strip() == "set()"
