"""What a proof found, as tables and as JSON."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from authsm.testing.proof.invariants import TERMINATION
from authsm.testing.proof.mutants import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from authsm.cli.proving import Explored, Proved
    from authsm.testing.proof.counterexamples import Counterexample
    from authsm.testing.proof.mutants import Hunt


def show(console: Console, proved: Proved) -> None:
    """Show what a proof found.

    Args:
        console: Where to.
        proved: What it found.
    """
    machine = proved.proof.machine
    console.print(f"[bold]{escape(machine.name)}[/] {machine.digest}, in {proved.seconds:.1f} s")
    console.print(_settings(proved))
    console.print(_invariants(proved))
    if proved.hunt is not None:
        _show_hunt(console, proved.hunt)
    for each in proved.counterexamples:
        _show_counterexample(console, each)
    for name in proved.never_looked_at:
        console.print(f"[red]{escape(name)}[/]: its condition was never met, so it says nothing.")
    if proved.holds:
        console.print("[green]✓[/] Everything holds.")
    else:
        console.print("[red]✗[/] Not everything holds.")


def _settings(proved: Proved) -> Table:
    table = Table(title="Explored", title_justify="left")
    table.add_column("What may go wrong")
    for heading in ("contexts", "situations", "moves", "invariants violated"):
        table.add_column(heading, justify="right")
    for each in proved.explored:
        numbers = (
            len(each.found.contexts),
            len(each.found.situations),
            len(each.found.moves),
            len(each.counterexamples),
        )
        table.add_row(escape(each.setting.name), *(f"{number:,}" for number in numbers))
    return table


def _invariants(proved: Proved) -> Table:
    table = Table(title="What must hold", title_justify="left")
    table.add_column("Invariant")
    table.add_column("looked at in", justify="right")
    table.add_column("violated in", justify="right")
    if proved.hunt is not None:
        table.add_column("kills", justify="right")
    for name, reached, violated in _looked_at(proved):
        kills = () if proved.hunt is None else (f"{proved.hunt.kills[name]:,}",)
        table.add_row(escape(name), f"{reached:,}" if reached else "[red]never[/]", _bad(violated), *kills)
    return table


def _bad(number: int) -> str:
    return f"[red]{number:,}[/]" if number else "0"


def _looked_at(proved: Proved) -> Iterator[tuple[str, int, int]]:
    """Give each invariant's name, in how many situations its condition was met, and in how many it is violated."""
    reached: Counter[str] = Counter()
    violated: Counter[str] = Counter()
    for each in proved.explored:
        reached.update(each.found.reached)
        reached[TERMINATION.name] += len(each.found.situations)
        violated.update(violation.invariant.name for violation in each.found.all_violations)
    for name in (*(invariant.name for invariant in proved.proof.invariants), TERMINATION.name):
        yield name, reached[name], violated[name]


def _show_hunt(console: Console, hunt: Hunt[Any]) -> None:
    table = Table(title="Mutants", title_justify="left")
    table.add_column("Operator")
    for heading in ("made", "killed", "equivalent", "survived"):
        table.add_column(heading, justify="right")
    for operator in (*Operator, None):
        among = [each for each in hunt.verdicts if operator is None or each.mutant.operator is operator]
        killed = sum(bool(each.killed_by) for each in among)
        survived = sum(each.survived for each in among)
        numbers = (len(among), killed, sum(each.equivalent for each in among))
        row = (*(f"{number:,}" for number in numbers), _bad(survived))
        table.add_row(operator or "all", *row, style="bold" if operator is None else None)
    console.print(table)
    first, every = hunt.contexts
    console.print(
        f"Tried without faults: with {first:,} contexts, then with those of all {every:,} in which they differ."
    )
    for each in hunt.equivalent:
        same = f"the same in all {hunt.steps:,} steps that can happen"
        console.print(f"  equivalent: {escape(str(each.mutant.operator))}: {escape(each.mutant.about)} ({same})")
    for each in hunt.survivors:
        console.print(f"  [red]survived[/]: {escape(str(each.mutant.operator))}: {escape(each.mutant.about)}")


def _show_counterexample(console: Console, each: Counterexample[Any]) -> None:
    console.print(f"[red]{escape(str(each))}[/]")
    for title, text in (
        ("As a script", each.script()),
        ("As a Mermaid sequence diagram", each.mermaid()),
        ("As a Hypothesis example", each.example()),
    ):
        console.print(f"[bold]{title}[/]")
        console.print(text, markup=False, soft_wrap=True)


def as_builtins(proved: Proved) -> dict[str, Any]:
    """Give what a proof found as plain values for JSON.

    Args:
        proved: What it found.

    Returns:
        The settings, the invariants, the mutants and the counterexamples.
    """
    machine = proved.proof.machine
    return {
        "machine": machine.name,
        "digest": machine.digest,
        "holds": proved.holds,
        "seconds": round(proved.seconds, 3),
        "never_looked_at": list(proved.never_looked_at),
        "settings": [_setting(each) for each in proved.explored],
        "invariants": [
            {
                "name": name,
                "looked_at_in": reached,
                "violated_in": violated,
                "kills": None if proved.hunt is None else proved.hunt.kills[name],
            }
            for name, reached, violated in _looked_at(proved)
        ],
        "mutants": None if proved.hunt is None else _hunt(proved.hunt),
        "counterexamples": [
            {
                "invariant": each.violation.invariant.name,
                "complaint": each.violation.complaint,
                "moves": list(each.moves),
                "script": each.script(),
                "mermaid": each.mermaid(),
                "example": each.example(),
            }
            for each in proved.counterexamples
        ],
    }


def _setting(each: Explored) -> dict[str, Any]:
    return {
        "name": each.setting.name,
        "faults": list(each.setting.faults.names),
        "contexts": len(each.found.contexts),
        "situations": len(each.found.situations),
        "moves": len(each.found.moves),
        "digest": each.found.digest(),
    }


def _hunt(hunt: Hunt[Any]) -> dict[str, Any]:
    return {
        "made": len(hunt.verdicts),
        "killed": len(hunt.killed),
        "equivalent": [f"{each.mutant.operator}: {each.mutant.about}" for each in hunt.equivalent],
        "survived": [f"{each.mutant.operator}: {each.mutant.about}" for each in hunt.survivors],
        "compared_in_steps": hunt.steps,
    }
