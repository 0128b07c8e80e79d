"""What can happen next in a world of processes that run a machine: each move is one step that a fault may come between.

The machine is taken from state to state by the library's own `drive`, with a clock that stands still until a time limit
is to run out. So what is explored is what runs: which answers count, which come too late, what running out of time is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec.structs import replace

from authsm.core.machine import Snapshot
from authsm.core.vocabulary import Context, Effect, Event
from authsm.testing.proof.driver import Driver, there
from authsm.testing.proof.situations import Doing, Process, Situation, Stage
from authsm.testing.proof.worlds import with_at

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from authsm.core.machine import Machine
    from authsm.testing.proof.faults import Faults
    from authsm.testing.proof.worlds import Way, World

C = TypeVar("C", bound=Context)
W = TypeVar("W", bound="Hashable")


CRASH = "crash"
RESUME = "resume"
BEGIN_ANEW = "begin anew"


class Moves(Generic[C, W]):
    """Says what can happen next.

    Args:
        machine: The machine that every process runs.
        world: What is around them.
        faults: What may go wrong.
        events: What may come from outside in a snapshot that waits for it.
        several: Whether there are several processes.

    Attributes:
        steps: Every snapshot and event that the machine was stepped with so far; None where nobody asks for them.
    """

    def __init__(
        self,
        machine: Machine[C],
        world: World[C, W],
        faults: Faults,
        events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]],
        *,
        several: bool,
    ) -> None:
        self.machine = machine
        self.world = world
        self.faults = faults
        self._events = events
        self._several = several
        self.steps: set[tuple[Snapshot[C], Event]] | None = None
        # Where nothing can come between the steps of an effect, they are one.
        self._step_by_step = faults.crashes or faults.late or faults.others or several

    def begin(self, contexts: tuple[C, ...]) -> Situation[C, W]:
        """Give the situation before anything happens: the first process is about to begin, the others do not run.

        Args:
            contexts: One context for each process.

        Returns:
            The situation.
        """
        first = Process(Stage.RESTS, self.machine.start(contexts[0]))
        return Situation((first, *(Process[C]() for _ in contexts[1:])), self.world.begin(self.machine, contexts))

    def after(self, situation: Situation[C, W]) -> Iterator[tuple[str, Situation[C, W]]]:
        """Give every move that can follow, by its name.

        Args:
            situation: Where things stand.

        Yields:
            The name of the move, unlike those of the others, and the situation that it leads to.
        """
        if situation.trouble:
            return
        for number, process in enumerate(situation.processes):
            try:
                following = list(self._of(number, process, situation))
            except Exception as error:  # noqa: BLE001 - a stranger's world may raise anything, and that is to be shown
                following = [("the world raises", _with_trouble(situation, error))]
            for name, after in following:
                yield f"{number + 1}: {name}" if self._several else name, after
        if self.faults.others:
            for name, world in self.world.others(situation.world):
                yield name, replace(situation, world=world)

    def _of(self, number: int, process: Process[C], situation: Situation[C, W]) -> Iterator[tuple[str, Any]]:
        one = _One(self, situation, number)
        match process.stage:
            case Stage.AWAY:
                yield from one.comes_back()
            case Stage.RESTS:
                yield from one.hears(self._events) if not one.is_final else one.ends()
            case Stage.ASKED:
                yield "write down", one.written()
            case Stage.READY:
                yield from one.begins(to_its_end=not self._step_by_step)
            case Stage.DOING:
                yield from one.goes_on()
            case Stage.ANSWERED:
                yield from one.is_answered()
        if process.late is not None:
            yield from one.late_goes_on(process.late)
        if self.faults.crashes and one.can_crash:
            yield CRASH, one.crashed()


class _One(Generic[C, W]):
    """One process in a situation, and what can happen to it."""

    def __init__(self, moves: Moves[C, W], situation: Situation[C, W], number: int) -> None:
        self._moves = moves
        self._machine = moves.machine
        self._world = moves.world
        self._faults = moves.faults
        self._situation = situation
        self._number = number
        self._process = situation.processes[number]

    @property
    def _snapshot(self) -> Snapshot[C]:
        return there(self._process.snapshot)

    @property
    def _doing(self) -> Doing:
        return there(self._process.doing)

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self._machine.is_final(self._snapshot)

    @property
    def can_crash(self) -> bool:
        """Whether a crash would change anything."""
        if self._process.stage is Stage.AWAY:
            return False
        if self._process.stage is not Stage.RESTS or self._process.late is not None:
            return True
        world = self._situation.world
        if self._world.journal(self._machine, world, self._number) is not None:
            return True
        # What waits for something from outside may lose all that it was told before.
        return not self.is_final and self._world.opening(self._machine, world, self._number) != self._snapshot

    def changed(self, process: Process[C], world: W | None = None) -> Situation[C, W]:
        """Give the situation with this process, and perhaps the world, changed."""
        situation = self._situation
        return Situation(
            with_at(situation.processes, self._number, process), situation.world if world is None else world
        )

    def crashed(self) -> Situation[C, W]:
        """End without warning."""
        return self.changed(Process(), self._world.crashed(self._situation.world, self._number))

    def comes_back(self) -> Iterator[tuple[str, Situation[C, W]]]:
        """Go on where it was written down, or begin."""
        journal = self._world.journal(self._machine, self._situation.world, self._number)
        if journal is not None:
            world = self._world.resumed(self._situation.world, self._number)
            yield RESUME, self._guarded(lambda: self.changed(self._asked(self._again(journal), None), world))
            return
        opening = self._world.opening(self._machine, self._situation.world, self._number)
        if opening is not None:
            yield BEGIN_ANEW, self.changed(Process(Stage.RESTS, opening))

    def _again(self, journal: Snapshot[C]) -> Snapshot[C]:
        once_more = self._machine.again(journal).snapshot
        return Snapshot(once_more.state, once_more.context, min(once_more.attempt, 2))

    def hears(
        self, events: Callable[[Machine[C], Snapshot[C]], Iterable[Event]]
    ) -> Iterator[tuple[str, Situation[C, W]]]:
        """Take something from outside."""
        names: dict[str, int] = {}
        for event in events(self._machine, self._snapshot):
            times = names[event.name] = names.get(event.name, 0) + 1
            name = event.name if times == 1 else f"{event.name} {times}"
            yield name, self._driven(event)

    def ends(self) -> Iterator[tuple[str, Situation[C, W]]]:
        """Tidy up."""
        world = self._world.ended(self._situation.world, self._number, self._snapshot)
        if world != self._situation.world:
            yield "tidy up", self.changed(self._process, world)

    def written(self) -> Situation[C, W]:
        """Write down where it stands."""
        ready = replace(self._process, stage=Stage.READY)
        world = self._situation.world
        return self._guarded(
            lambda: self.changed(ready, self._world.write(self._machine, world, self._number, self._snapshot))
        )

    def _ways(self, effect: Effect) -> dict[str, Way[W]]:
        ways: dict[str, Way[W]] = {}
        for way in self._world.ways(self._number, effect):
            if way.name in ways:
                raise ValueError(f"Two ways of {effect.name} are called {way.name!r}: give each a name of its own.")
            ways[way.name] = way
        return {name: way for name, way in ways.items() if self._faults.torn or not way.torn}

    def begins(self, *, to_its_end: bool) -> Iterator[tuple[str, Situation[C, W]]]:
        """Begin the effect: take the first step of one of its ways, or all steps and the answer."""
        effect = there(self._machine.pending(self._snapshot))
        ways = self._ways(effect)
        for name, way in ways.items():
            doing = Doing(effect, name)
            if not to_its_end:
                yield f"{effect.name}: {name}", self._one_step(doing, way)
                continue
            world = self._situation.world
            for step in way.steps:
                world = step(world)
            answered = _One(self._moves, replace(self._situation, world=world), self._number)
            yield f"{effect.name}: {name}", answered._driven(way.reply(world))
            if self._faults.lost:
                yield f"{effect.name}: {name}, answer lost", answered._driven(None)
        if self._faults.lost:
            yield f"{effect.name}: request lost", self._driven(None)
        if self._faults.late:
            for name in ways:
                yield f"{effect.name}: given up, and {name} later", self._driven(None, late=Doing(effect, name))

    def _one_step(self, doing: Doing, way: Way[W]) -> Situation[C, W]:
        doing, world = _stepped(doing, way, self._situation.world)
        stage = Stage.DOING if doing.reply is None else Stage.ANSWERED
        return self.changed(replace(self._process, stage=stage, doing=doing), world)

    def goes_on(self) -> Iterator[tuple[str, Situation[C, W]]]:
        """Take the next step of the effect; or be given up in the midst of it."""
        doing = self._doing
        way = self._ways(doing.effect)[doing.way]
        yield f"{doing.effect.name}: step {doing.steps + 1}", self._one_step(doing, way)
        if self._faults.late:
            yield f"{doing.effect.name}: given up after step {doing.steps}", self._driven(None, late=doing)

    def is_answered(self) -> Iterator[tuple[str, Situation[C, W]]]:
        """Take the answer; or lose it, or be given up just before it comes."""
        doing = self._doing
        yield f"{doing.effect.name}: answer", self._driven(doing.reply)
        if self._faults.late:
            yield f"{doing.effect.name}: given up before the answer", self._driven(None, late=doing)
        if self._faults.lost:
            yield f"{doing.effect.name}: answer lost", self._driven(None)

    def late_goes_on(self, late: Doing) -> Iterator[tuple[str, Situation[C, W]]]:
        """Go on with what was given up; at its end comes an answer that nobody waits for."""
        reply = late.reply
        if reply is not None:
            yield f"late {late.effect.name}: answer", self._guarded(lambda: self._dropped(reply))
            return
        way = self._ways(late.effect)[late.way]
        late, world = _stepped(late, way, self._situation.world)
        yield (
            f"late {late.effect.name}: step {max(late.steps, 1)}",
            self.changed(replace(self._process, late=late), world),
        )

    def _dropped(self, reply: Event) -> Situation[C, W]:
        """Deliver an answer that names another ask: nothing may follow from it."""
        if not (self.is_final or self._machine.pending(self._snapshot) is None):
            driver = Driver(self._machine, self._snapshot)
            driver.deliver_to_another_ask(reply)
        return self.changed(replace(self._process, late=None))

    def _driven(self, event: Event | None, *, late: Doing | None = None) -> Situation[C, W]:
        """Give what follows an event from outside or an answer; None for a time limit that runs out."""
        return self._guarded(lambda: self._moved(event, late))

    def _moved(self, event: Event | None, late: Doing | None) -> Situation[C, W]:
        effect = self._machine.pending(self._snapshot)
        driver = Driver(self._machine, self._snapshot, None if effect else event)
        if effect is not None:
            driver.answer(event, repeated=self._faults.repeated)
        if self._moves.steps is not None:
            self._moves.steps.add((self._snapshot, driver.event))
        world = self._world.taken(self._situation.world, self._number, effect, driver.event)
        # Whoever has given one effect up, and gives up another, is waited for by neither: the earlier one is let go.
        return self.changed(self._asked(driver.snapshot, late or self._process.late), world)

    def _asked(self, snapshot: Snapshot[C], late: Doing | None) -> Process[C]:
        effect = self._machine.pending(snapshot)
        if effect is None:
            return Process(Stage.RESTS, snapshot, None, late)
        stage = Stage.ASKED if self._world.writes(effect) else Stage.READY
        return Process(stage, snapshot, None, late)

    def _guarded(self, move: Callable[[], Situation[C, W]]) -> Situation[C, W]:
        """Turn what the machine raises into a situation that shows it."""
        try:
            return move()
        except Exception as error:  # noqa: BLE001 - a stranger's machine may raise anything, and that is to be shown
            return _with_trouble(self._situation, error)


def _with_trouble(situation: Situation[C, W], error: Exception) -> Situation[C, W]:
    return replace(situation, trouble=f"{type(error).__name__}: {error}")


def _stepped(doing: Doing, way: Way[W], world: W) -> tuple[Doing, W]:
    """Take one step of a way; the answer comes with the last."""
    if doing.steps < len(way.steps):
        world = way.steps[doing.steps](world)
        doing = replace(doing, steps=doing.steps + 1)
    if doing.steps == len(way.steps):
        doing = replace(doing, reply=way.reply(world))
    return doing, world
