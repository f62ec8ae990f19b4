"""Searches over a sweep: one for every combination of its other axes, all of them in the same batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from cfgsweep.engine.cost import cost
from cfgsweep.errors import RunFailed, error_context
from cfgsweep.execution.local import compute
from cfgsweep.execution.session import RunSession
from cfgsweep.metrics import distances
from cfgsweep.phases.axis import Axis
from cfgsweep.phases.line_search import Search
from cfgsweep.phases.map_search import PlaneAxis
from cfgsweep.phases.transitions import Measure, Transition, Vector
from cfgsweep.storage.records import DoneRecord
from cfgsweep.sweep.checks import check_parts
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying
from cfgsweep.system.display import Display


class Searcher(Protocol):
    """What says which values (or points of a plane) to look at next. `floor`: a distance that means nothing yet."""

    floor: float

    def wanted(self, room: int) -> list[Any]: ...

    def learn(self, found: Mapping[Any, Vector]) -> None: ...


@dataclass
class Found:
    """One search and its outcome. `parting`: per transition, how far apart its two sides are after every step."""

    base: Experiment
    title: str
    search: Searcher
    rounds: list[list[Any]] = field(default_factory=list)
    records: dict[Any, DoneRecord] = field(default_factory=dict)
    parting: list[list[float]] = field(default_factory=list)


class Finder:
    """Runs all searches of a sweep, round by round, in one run folder. `begin` makes one, by a measure of pictures."""

    def __init__(
        self,
        session: RunSession,
        axis: Axis | PlaneAxis,
        begin: Callable[[Measure], Searcher],
        bases: Sequence[Experiment],
        distance: str,
    ):
        self.session, self.axis, self.begin = session, axis, begin
        self.evaluations, self.batches, self.rounds, self.stopped = 0, 0, 0, False
        self._varied = varying(bases)
        self._titled_by = [*self._varied, *axis.fields]
        self._distances = {
            model: distances.choose(distance, partial(session.denoiser, model))
            for model in dict.fromkeys(base.model for base in bases)
        }
        self.found = [self._begin(base) for base in bases]
        for one in self.found:
            self._check(one)

    def _begin(self, base: Experiment) -> Found:
        title = ", ".join(axis_label(name, getattr(base, name)) for name in self._varied) or base.guider.title()
        return Found(base, title, self.begin(self._distances[base.model].measure))

    def _check(self, one: Found) -> None:
        """Refuse, before a model is loaded, values that an experiment cannot have."""
        for value in one.search.wanted(1):
            with error_context(f"{self.axis.name} = {value}"):
                check_parts([self.at(one, value)])

    def at(self, one: Found, value: Any) -> Experiment:
        """The experiment of a search at a value, or at a point of a plane."""
        return self.axis.at(one.base, value)

    def run(self, most_evaluations: int | None, display: Display) -> None:
        """Rounds until every search has what it wants, or the next would take more evaluations than are allowed."""
        while wanted := self._wanted():
            planned = self.evaluations + cost(wanted).evaluations
            if most_evaluations is not None and planned > most_evaluations:
                display.notice(f"the next round would make it {planned} evaluations: stopped by max_evaluations")
                self.stopped = True
                break
            self.rounds += 1
            spent = compute(self.session, list(wanted), self._titled_by, f"pictures of round {self.rounds}")
            if spent.failed:
                failed = spent.failed[0]
                raise RunFailed(
                    f"a search needs every picture; {axis_label('value', failed.experiment.value)}: {failed.reason}"
                )
            self.evaluations, self.batches = planned, self.batches + spent.batches
            self._learn(wanted)
        if not self.stopped:
            self._see_them_part()

    def _wanted(self) -> dict[Experiment, tuple[Found, Any]]:
        """The pictures of the next round. As many as fill the batches are shared out among the searches."""
        active = [(one, values[-1]) for one in self.found if (values := one.search.wanted(1))]
        wanted = {}
        for one, some in active:
            room = self.session.room(self.at(one, some)) // len(active)
            for value in one.search.wanted(room):
                wanted[self.at(one, value)] = one, value
        return wanted

    def _learn(self, wanted: dict[Experiment, tuple[Found, Any]]) -> None:
        done = self.session.run.done(wanted)
        for experiment, (one, value) in wanted.items():
            one.records[value] = done[experiment.id]
        for one in self.found:
            values = [value for owner, value in wanted.values() if owner is one]
            if values:
                distance = self._distances[one.base.model]
                images = {value: self.session.run.load_image(one.records[value]) for value in values}
                if not one.rounds:
                    one.search.floor = distance.floor(images[values[0]])
                one.search.learn({value: distance.embed(image) for value, image in images.items()})
                one.rounds.append(values)

    def _see_them_part(self) -> None:
        """Run both sides of every transition once more, and watch what picture they are heading for at every step."""
        sides = {
            (id(one), number, side): self.at(one, value)
            for one in self.found
            for number, transition in enumerate(_transitions(one.search))
            for side, value in enumerate((transition.before, transition.after))
        }
        seen = self.session.trace(list(dict.fromkeys(sides.values())))
        self.evaluations += cost(seen).evaluations
        for one in self.found:
            for number in range(len(_transitions(one.search))):
                pair = (seen[sides[id(one), number, side]] for side in (0, 1))
                one.parting.append([float((a - b).square().mean().sqrt()) for a, b in zip(*pair, strict=True)])


def _transitions(search: Searcher) -> list[Transition]:
    return search.transitions if isinstance(search, Search) else []
