"""The shortest run that breaks an invariant: as a script that repeats it, a picture, and a Hypothesis example."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from authsm.core.vocabulary import Context
from authsm.diagrams.expressions import Expression, NoExpressionError, expression_of
from authsm.diagrams.mermaid import encoded, escape
from authsm.testing.proof.invariants import TERMINATION
from authsm.testing.proof.moves import BEGIN_ANEW, CRASH, RESUME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authsm.testing.proof.exploration import Exploration
    from authsm.testing.proof.faults import Faults
    from authsm.testing.proof.invariants import Violation
    from authsm.testing.proof.proof import Proof
    from authsm.testing.proof.situations import Situation

C = TypeVar("C", bound=Context)

_WORLD: Final = "World"


@dataclass(frozen=True)
class Counterexample(Generic[C]):
    """The shortest run that breaks an invariant.

    Attributes:
        proof: What is proved.
        violation: What it breaks, and how.
        contexts: With what the run begins.
        moves: The names of its moves.
        faults: What may go wrong in it.
    """

    proof: Proof[C]
    violation: Violation
    contexts: tuple[C, ...]
    moves: tuple[str, ...]
    faults: Faults

    def __str__(self) -> str:
        return self.violation.told((0, self.moves))

    def script(self) -> str:
        """Give Python source that repeats the run, and raises what it breaks.

        Returns:
            The source. What cannot be named from outside stands there as ``...``, with a comment.
        """
        name, made, imports = _proof(self.proof)
        contexts, what_is_left = self._contexts()
        faults = expression_of(self.faults)
        moves = "".join(f"        {name!r},\n" for name in self.moves)
        body = f"{name}.replay(\n    {contexts.text},\n    [\n{moves}    ],\n    {faults.text},\n)\n"
        if self.violation.invariant is TERMINATION:
            body += f"{name}.explore({faults.text}, [{contexts.text}]).assert_terminates()\n"
        lines = _import_lines((*imports, *contexts.imports, *faults.imports))
        said = textwrap.indent(f"{self.violation.invariant.name}: {self.violation.complaint}", "# ", lambda _: True)
        return f"{said}\n{lines}\n\n{made}{what_is_left}{body}"

    def example(self) -> str:
        """Give the run as an explicit example for a Hypothesis test of `authsm.testing.strategies.runs`.

        Returns:
            The decorator, to be put above the test's ``@given(run=runs(...))``; see `authsm.testing.strategies.runs`.
        """
        contexts, what_is_left = self._contexts()
        return f"{what_is_left}@example(run=({contexts.text}, {self.moves!r}, {expression_of(self.faults).text}))\n"

    def mermaid(self) -> str:
        """Draw the run as a Mermaid sequence diagram.

        Returns:
            The text, with a line feed at its end.
        """
        return "\n".join(self._lines()) + "\n"

    def _contexts(self) -> tuple[Expression, str]:
        """Give source for the contexts, and a comment on what it leaves open."""
        one = len(self.contexts) == 1
        try:
            return expression_of(self.contexts[0] if one else self.contexts), ""
        except NoExpressionError as error:
            return Expression("..."), f"# In place of ... comes the context that it begins with. {error}\n"

    def _lines(self) -> Iterator[str]:
        situations = self.proof.run(self.contexts, self.moves, self.faults)
        several = len(self.contexts) > 1
        processes = [f"Process {number}" if several else "Process" for number in range(1, len(self.contexts) + 1)]
        effects = [state.effect for state in self.proof.machine.table.states.values() if state.effect is not None]
        parties = {effect.__name__: effect.party or _WORLD for effect in effects}
        yield "---"
        yield f"title: {escape(self.violation.invariant.name)}"
        yield "---"
        yield "sequenceDiagram"
        for name in dict.fromkeys([*processes, *parties.values(), _WORLD]):
            yield f"    participant {_id(name)} as {escape(name)}"
        for name, before, after in zip(self.moves, situations, situations[1:], strict=False):
            number, move = _of_process(name) if several else (0, name)
            process = _id(_WORLD if number is None else processes[number])
            yield from _drawn(move, process, parties)
            if number is not None and _state(before, number) != _state(after, number):
                yield f"    Note over {process}: {escape(_state(after, number) or 'gone')}"
        yield f"    Note over {_id(processes[0])}: {escape(self.violation.complaint)}"


def _of_process(name: str) -> tuple[int | None, str]:
    number, colon, move = name.partition(": ")
    return (int(number) - 1, move) if colon and number.isdecimal() else (None, name)


def _state(situation: Situation[Any, Any], number: int) -> str:
    snapshot = situation.processes[number].snapshot
    return "" if snapshot is None else snapshot.state


def _drawn(move: str, process: str, parties: dict[str, str]) -> Iterator[str]:
    effect, _, what = move.removeprefix("late ").partition(": ")
    if effect not in parties:
        arrow = {CRASH: "--x", RESUME: "->>", BEGIN_ANEW: "->>"}.get(move, "->>")
        yield f"    {process}{arrow}{process}: {escape(move)}"
        return
    party = _id(parties[effect])
    if what == "answer":
        arrow = "--x" if move.startswith("late ") else "-->>"
        yield f"    {party}{arrow}{process}: {escape(move)}"
    else:
        yield f"    {process}{'--x' if 'lost' in what or 'given up' in what else '->>'}{party}: {escape(move)}"


def _id(name: str) -> str:
    return f"party_{encoded(name)}"


def _proof(proof: Proof[Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Give the name of a proof, source that makes it where no module has it, and what that needs."""
    if proof.at:
        module, _, name = proof.at.partition(":")
        return name, "", ((module, name),)
    chart = proof.machine.chart
    made = f"proof = Proof(machine=Machine({chart.__name__}), contexts=...)  # and its world, invariants and events\n"
    return "proof", made, (("authsm", "Machine"), ("authsm.testing", "Proof"), (chart.__module__, chart.__name__))


def _import_lines(imports: tuple[tuple[str, str], ...]) -> str:
    by_module: dict[str, set[str]] = {}
    for module, name in imports:
        by_module.setdefault(module, set()).add(name)
    return "\n".join(f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(by_module.items()))


def counterexamples(proof: Proof[C], found: Exploration[C, Any]) -> Iterator[Counterexample[C]]:
    """Give the shortest run to each violation, at most one for each invariant.

    Args:
        proof: What was explored.
        found: What was found.

    Yields:
        The runs, the shortest first.
    """
    told: set[str] = set()
    for violation in found.all_violations:
        if violation.invariant.name not in told:
            told.add(violation.invariant.name)
            number, moves = found.run_to(violation.situation)
            yield Counterexample(proof, violation, found.contexts[number], moves, found.faults)
