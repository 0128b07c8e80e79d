"""What is drawn of a policy is what its sign-outs can come to."""

import pytest

from authsm.flows.sign_out.reach import PRESETS, plans_of
from tests.diagrams.pictures import plans_of as plans_by_the_tests


@pytest.mark.parametrize("name", PRESETS)
def test_every_plan_of_a_policy_is_there_once(name: str) -> None:
    plans = plans_of(PRESETS[name])
    assert len(set(plans)) == len(plans)

    def shape(plan: object) -> str:
        return repr(plan).replace("key='key', epoch=7", "key='default', epoch=1")

    assert {shape(plan) for plan in plans} == {shape(plan) for plan in plans_by_the_tests(PRESETS[name])}
