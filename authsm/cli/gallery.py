"""The files of ``diagrams/``: the sign-out in every format, one picture a preset, and a page that shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authsm.core.graph import follow
from authsm.diagrams.formats import FORMATS, draw
from authsm.diagrams.picture import highlight, picture_of
from authsm.flows.sign_out.chart import SIGN_OUT
from authsm.flows.sign_out.reach import PRESETS, PRESETS_IN_WORDS, reach, starts_of, whatever_may_happen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.diagrams.picture import Picture

INDEX: Final = "README.md"

_RUNS: Final = {
    "complete": ("Begin", "HostedUISignedOut", "TokenRevoked", "SignedOutGlobally", "CredentialsCleared"),
    "partial": ("Begin", "HostedUISignedOut", "TokenRevoked", "GlobalSignOutFailed", "CredentialsCleared"),
    "failed": ("Begin", "UserCancelled"),
}
"""A run of the default policy for each kind of result."""


def files(*, svg: bool = True) -> Iterator[tuple[str, str]]:
    """Draw everything.

    Args:
        svg: Whether to draw SVG, too, which takes Graphviz.

    Yields:
        The names and texts of the files.
    """
    yield INDEX, "\n".join(_index()) + "\n"
    picture = picture_of(SIGN_OUT)
    for name, each in FORMATS.items():
        if not each.of_a_run and (svg or not each.needs_graphviz):
            yield f"sign_out.{each.ending}", draw(picture, name)
    by_default = _of_preset("default")
    for name in PRESETS if svg else ():
        yield f"sign_out.{name}.svg", draw(by_default if name == "default" else _of_preset(name), "svg")
    starts = starts_of(PRESETS["default"])
    for name, events in _RUNS.items():
        picture = highlight(by_default, follow(SIGN_OUT, starts, events, events=whatever_may_happen))
        yield f"sign_out.run-{name}.sequence.mmd", draw(picture, "mermaid-sequence")
        if svg:
            yield f"sign_out.run-{name}.svg", draw(picture, "svg")


def _of_preset(name: str) -> Picture:
    return picture_of(SIGN_OUT, within=reach(PRESETS[name]))


def _index() -> Iterator[str]:
    yield "# Diagrams of the sign-out"
    yield ""
    yield "All of this is drawn by `make diagrams` from the class `SignOut` in `authsm/flows/sign_out/chart.py`, and"
    yield "`make check` tells when it is not current."
    yield ""
    yield "A box is a state: its name, the effect that it asks for, and the replies to that. An arrow is taken when a"
    yield "reply with its marks comes (✓ done, ✗ failed, ⊘ called off) and the condition on it holds; of several that"
    yield "hold, the first one in the [table](sign_out.md) is taken. What is taken after a failure, or leads to a"
    yield "failed end, is dashed and red. There are three ends."
    yield ""
    yield "On the thick line everything is done. Those of `default` and `hosted-ui-last` are a back end's sign-out"
    yield "everywhere, with IAM credentials. With the user's own access token the global sign-out comes first, since"
    yield "revoking kills that token."
    yield ""
    yield "The picture of a policy shows the first sign-outs under it; a retry takes just the steps that failed."
    for name, words in PRESETS_IN_WORDS.items():
        yield ""
        yield f"## {name}"
        yield ""
        yield words
        yield ""
        yield f"![What the policy {name} reaches](sign_out.{name}.svg)"
    yield ""
    yield "## Three runs"
    for name, events in _RUNS.items():
        yield ""
        yield f"### {name}"
        yield ""
        yield f"`authsm diagram --policy default --trace {','.join(events)} --format svg`; who asked whom for what:"
        yield f"[sequence](sign_out.run-{name}.sequence.mmd)."
        yield ""
        yield f"![A run that ends {name}](sign_out.run-{name}.svg)"
    yield ""
    yield "## Everything"
    yield ""
    yield "Every policy, retries included; the [table](sign_out.md) has the rows in the order in which they are tried."
    yield ""
    yield "![Every state and transition](sign_out.svg)"
    yield ""
    yield "| Format | File |"
    yield "| --- | --- |"
    for name, each in FORMATS.items():
        if not each.of_a_run:
            yield f"| `{name}` | [sign_out.{each.ending}](sign_out.{each.ending}) |"
