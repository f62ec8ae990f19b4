"""Runs the searches of a sweep, one for every combination of its other axes, all of them in the same batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any, Protocol

from cfgsweep.engine.cost import cost
from cfgsweep.errors import RunFailed, error_context
from cfgsweep.execution.executor import Executor
from cfgsweep.execution.held_model import Held
from cfgsweep.metrics import distances
from cfgsweep.models.video import frames_of
from cfgsweep.phases.axis import Axis, AxisPair
from cfgsweep.phases.curve import Measure, Vector
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.transitions import Transition
from cfgsweep.storage.records import DoneRecord
from cfgsweep.sweep.checks import check_parts
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, title, varying
from cfgsweep.system.display import Display


class Search(Protocol):
    """Chooses the values (or the points of a plane) to compute next, from the pictures at earlier ones.

    floor: the distance of two pictures below which it is rounding.
    """

    floor: float

    def next_points(self, capacity: int) -> list[Any]:
        """The points of the next round, about `capacity` of them; none at the end of the search."""
        ...

    def add_points(self, vectors: Mapping[Any, Vector]) -> None:
        """Add the pictures at some points, as vectors."""
        ...


@dataclass
class SearchState:
    """One search with what it has found.

    base: the experiment that the search varies. rounds: the points of every round. records: those of the pictures.
    divergence: for every transition, how far apart its two sides are after every step (RMS of x0 in latents).
    """

    base: Experiment
    title: str
    search: Search
    rounds: list[list[Any]] = field(default_factory=list)
    records: dict[Any, DoneRecord] = field(default_factory=dict)
    divergence: list[list[float]] = field(default_factory=list)

    @property
    def transitions(self) -> list[Transition]:
        return self.search.transitions if isinstance(self.search, LineSearch) else []


class PhaseDriver:
    """Runs searches round by round in the folder of an executor's session.

    bases: one experiment for each search. make_search: makes a search, given the distance of two pictures' vectors.
    distance: the name of a distance. Raises UserError, before a model is loaded, for values that an experiment cannot
    have.
    """

    def __init__(
        self,
        executor: Executor,
        axis: Axis | AxisPair,
        make_search: Callable[[Measure], Search],
        bases: Sequence[Experiment],
        distance: str,
    ):
        self.executor, self.axis = executor, axis
        self.run_folder = executor.session.run_folder
        self.evaluations, self.batches, self.rounds, self.stopped = 0, 0, 0, False
        self._varying = varying(bases)
        self._distances = {
            base.model: distances.choose(distance, partial(self._model_of, base))
            for base in {base.model: base for base in reversed(bases)}.values()
        }
        self.states = [
            SearchState(base, title(base, self._varying), make_search(self._distances[base.model].measure_frames))
            for base in bases
        ]
        for state in self.states:
            self._check_points(state)

    def experiment_at(self, state: SearchState, point: Any) -> Experiment:
        """The experiment of a search at a value, or at a point of a plane."""
        return self.axis.at(state.base, point)

    def run(self, max_evaluations: int | None, display: Display) -> None:
        """Compute rounds until all searches are at their end, then trace both sides of every transition.

        Stops, with a notice, before a round that would exceed max_evaluations. Raises RunFailed where a picture fails.
        """
        while points := self._next_round():
            planned = self.evaluations + cost(points).evaluations
            if max_evaluations is not None and planned > max_evaluations:
                display.notice(f"the next round would make it {planned} evaluations: stopped by max_evaluations")
                self.stopped = True
                return
            self._compute_round(list(points))
            self.evaluations = planned
            self._add_round(points)
        self._trace_transitions()

    def _model_of(self, e: Experiment) -> Held:
        return self.executor.held(self.executor.source(e))

    def _check_points(self, state: SearchState) -> None:
        for point in state.search.next_points(1):
            with error_context(f"{self.axis.name} = {point}"):
                check_parts([self.experiment_at(state, point)])

    def _next_round(self) -> dict[Experiment, tuple[SearchState, Any]]:
        """The experiments of the next round. The searches share what fills the batches of all workers."""
        active = [(state, points[-1]) for state in self.states if (points := state.search.next_points(1))]
        experiments = {}
        for state, example in active:
            capacity = self.executor.pictures_per_round(self.experiment_at(state, example)) // len(active)
            for point in state.search.next_points(capacity):
                experiments[self.experiment_at(state, point)] = state, point
        return experiments

    def _compute_round(self, experiments: Sequence[Experiment]) -> None:
        self.rounds += 1
        title_fields = [*self._varying, *self.axis.fields]
        summary = self.executor.run(experiments, title_fields, unit=f"pictures of round {self.rounds}")
        if summary.failed:
            failed = summary.failed[0]
            value = axis_label("value", failed.experiment.value)
            raise RunFailed(f"a search needs every picture; {value}: {failed.reason}")
        self.batches += summary.batches

    def _add_round(self, experiments: Mapping[Experiment, tuple[SearchState, Any]]) -> None:
        """Give the searches the pictures of a round."""
        done = self.run_folder.done(experiments)
        for experiment, (state, point) in experiments.items():
            state.records[point] = done[experiment.id]
        for state in self.states:
            points = [point for owner, point in experiments.values() if owner is state]
            if points:
                distance = self._distances[state.base.model]
                pictures = {point: self.run_folder.load_picture(state.records[point]) for point in points}
                if not state.rounds:
                    state.search.floor = fmean(map(distance.floor, frames_of(pictures[points[0]])))
                state.search.add_points({point: distance.embed_frames(one) for point, one in pictures.items()})
                state.rounds.append(points)

    def _trace_transitions(self) -> None:
        """Run both sides of every transition once more, and measure how far apart their x0 are after every step."""
        sides = [
            (state, (self.experiment_at(state, transition.before), self.experiment_at(state, transition.after)))
            for state in self.states
            for transition in state.transitions
        ]
        found = self.executor.divergences([pair for _, pair in sides])
        self.evaluations += cost(dict.fromkeys(e for _, pair in sides for e in pair)).evaluations
        for state, pair in sides:
            state.divergence.append(found[pair])
