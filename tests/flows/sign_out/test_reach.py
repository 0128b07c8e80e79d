"""What is drawn of a policy is what its sign-outs can come to."""

from typing import Any

import pytest

from authsm.cli import gallery
from authsm.cli.sign_out import sign_out
from authsm.diagrams.sign_out_tour import SIGN_OUT_TOUR
from authsm.flows.sign_out.policy import SignOutPolicy
from authsm.flows.sign_out.reach import PRESETS, PRESETS_IN_WORDS, plans_of
from tests.diagrams.pictures import plans_of as plans_by_the_tests


@pytest.mark.parametrize("name", PRESETS)
def test_every_plan_of_a_policy_is_there_once(name: str) -> None:
    plans = plans_of(PRESETS[name])
    assert len(set(plans)) == len(plans)

    def shape(plan: object) -> str:
        return repr(plan).replace("key='key', epoch=7", "key='default', epoch=1")

    assert {shape(plan) for plan in plans} == {shape(plan) for plan in plans_by_the_tests(PRESETS[name])}


def test_each_policy_that_has_a_name_is_a_preset() -> None:
    named = {name for name, each in vars(SignOutPolicy).items() if isinstance(each, classmethod) and name[0] != "_"}
    for name in named:
        assert PRESETS[name.replace("_", "-")] == getattr(SignOutPolicy, name)()
        assert f"`SignOutPolicy.{name}()`." in PRESETS_IN_WORDS[name.replace("_", "-")]
    assert len(named) == 2


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_is_forgotten(name: str) -> None:
    files = dict(gallery.files(svg=False))
    assert f"## {name}\n\n{PRESETS_IN_WORDS[name]}\n" in files[gallery.INDEX]
    others = {plan for other in PRESETS if other != name for plan in plans_of(PRESETS[other])}
    assert {start.context.plan for start in SIGN_OUT_TOUR.starts} & ({*plans_of(PRESETS[name])} - others)
    option: Any = next(each.type for each in sign_out.params if each.name == "policy_name")
    assert (name in option.choices) == (name not in {"local-only", "hosted-ui-last"})  # an option's own; for back ends
