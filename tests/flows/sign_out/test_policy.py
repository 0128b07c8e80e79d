"""Policies take their values as enums or texts, and refuse anything else with a clear text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from authsm.errors import ConfigurationException
from authsm.flows.sign_out.policy import HostedUIOrder, RemoteOrder, SignOutPolicy


def test_the_values_of_the_enums_are_accepted_as_texts() -> None:
    from_texts: Any = {"hosted_ui": "last", "order": "revoke_first"}
    policy = SignOutPolicy(**from_texts)
    assert policy == SignOutPolicy(hosted_ui=HostedUIOrder.LAST, order=RemoteOrder.REVOKE_FIRST)
    assert (type(policy.hosted_ui), type(policy.order)) == (HostedUIOrder, RemoteOrder)


@pytest.mark.parametrize(
    ("wrong", "message", "suggestion"),
    [
        (
            {"hosted_ui": "later"},
            "SignOutPolicy has no hosted_ui 'later'.",
            "Give one of 'first', 'last', 'never'.",
        ),
        (
            {"order": None},
            "SignOutPolicy has no order None.",
            "Give one of 'auto', 'revoke_first', 'global_first'.",
        ),
        ({"cancel_stops": 1}, "SignOutPolicy.cancel_stops is 1.", "Give True or False."),
        ({"end_sso_session": "LINKED"}, "SignOutPolicy.end_sso_session is 'LINKED'.", "Give True or False."),
        ({"local_only": "no"}, "SignOutPolicy.local_only is 'no'.", "Give True or False."),
        (
            {"refresh_expired_access_token": None},
            "SignOutPolicy.refresh_expired_access_token is None.",
            "Give True or False.",
        ),
    ],
)
def test_any_other_value_is_refused(wrong: dict[str, Any], message: str, suggestion: str) -> None:
    with pytest.raises(ConfigurationException) as refusal:
        SignOutPolicy(**wrong)
    assert (refusal.value.message, refusal.value.recovery_suggestion) == (message, suggestion)


def test_policies_are_values_that_tell_presets_apart() -> None:
    presets = {SignOutPolicy(), SignOutPolicy.amplify_android(), SignOutPolicy.amplify_swift()}
    assert len(presets) == 3
    assert SignOutPolicy.amplify_android() in presets
    same_fields = replace(SignOutPolicy(), order=RemoteOrder.GLOBAL_FIRST, refresh_expired_access_token=False)
    assert same_fields not in presets


@pytest.mark.parametrize("preset", [SignOutPolicy.amplify_android(), SignOutPolicy.amplify_swift()])
def test_a_preset_keeps_its_choices_when_a_public_field_is_changed(preset: SignOutPolicy) -> None:
    changed = replace(preset, cancel_stops=False)
    assert changed.choices == preset.choices
    assert changed != preset


def test_the_choices_of_a_preset_stay_out_of_its_representation() -> None:
    assert "choices" not in repr(SignOutPolicy.amplify_android())
