"""Measure everything, and print two tables: what authsm costs, and what its stores do."""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.benchmarks import large
from tests.benchmarks.machines import CONTENDERS
from tests.benchmarks.measure import Measured, compare
from tests.benchmarks.sign_outs import at_once, importing, over_bare_boto3
from tests.benchmarks.stores import KINDS, Written, costs

if TYPE_CHECKING:
    from collections.abc import Mapping

_MANY = 1_000


def main() -> None:
    """Measure everything, and print both tables."""
    console = Console(width=None if sys.stdout.isatty() else 120)  # a file is as wide as the tables
    console.print(_of_authsm())
    console.print(_of_stores())


def _of_authsm() -> Table:
    table = Table(title="Ratios to the first line of each group; median, and quartiles of the turns")
    for heading in ("what", "contender", "ratio", "quartiles", "median"):
        table.add_column(heading)
    _add(table, "the machine, one sign-out", compare(CONTENDERS, turns=31, times=20))
    _add(table, f"a machine of {large.STATES} states", compare(large.contenders(), turns=5, times=1))
    for seconds, turns in ((0.0, 31), (0.03, 21)):
        with over_bare_boto3(seconds) as contenders:
            group = f"global sign-out, {seconds * 1000:.0f} ms a call"
            _add(table, group, compare(contenders, turns=turns, times=4))
    imports = {f"import {name}": lambda name=name: importing(name) for name in ("statemachine", "authsm")}
    _add(table, "a fresh process", compare(imports, turns=11, times=1))
    for seconds in (0.0, 0.03):
        group = f"{_MANY} on one loop, {seconds * 1000:.0f} ms a call"
        runs = {f"{n} at once": lambda n=n, s=seconds: at_once(n, s) for n in (1, _MANY)}
        _add(table, group, compare(runs, turns=5, times=1))
    return table


def _of_stores() -> Table:
    table = Table(title=f"Stores, in {tempfile.gettempdir()}; a life is a sign-in, then a sign-out with its journal")
    for heading in ("store", "contender", "loads/s", "saves/s", "lives/s", "ratio", "quartiles", "syncs", "bytes"):
        table.add_column(heading)
    for kind in KINDS:
        _add_store(table, kind)
    table.caption = "The ratio is that of a life to the first line of each store; syncs and bytes are those of a life"
    return table


def _add_store(table: Table, kind: str) -> None:
    measured = costs(kind)
    if isinstance(measured, str):
        table.add_row(kind, f"left out: {measured}")
        measured = {}
    for name, cost in measured.items():
        speeds = [f"{1 / each.seconds:,.0f}" for each in (cost.load, cost.save, cost.life)]
        ratio = [f"{cost.life.ratio:.3g}", f"{cost.life.low:.3g} to {cost.life.high:.3g}"]
        written = cost.written
        disk = [f"{written.syncs:g}", f"{written.size:,.0f}"] if isinstance(written, Written) else [written]
        table.add_row(kind, name, *speeds, *ratio, *disk)
        kind = ""
    table.add_section()


def _add(table: Table, group: str, measured: Mapping[str, Measured]) -> None:
    for name, each in measured.items():
        table.add_row(group, name, f"{each.ratio:.3g}", f"{each.low:.3g} to {each.high:.3g}", _time(each.seconds))
        group = ""
    table.add_section()


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


main()
