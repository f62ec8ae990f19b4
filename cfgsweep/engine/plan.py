"""The plan of a run: what is computed for some experiments, and at which cost, before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from cfgsweep.engine.cost import Cost, StartCost, costs_of_starts, total_cost
from cfgsweep.engine.prefix_tree import Node, StartKey, group_by_start
from cfgsweep.engine.trace import GuidanceTrace, perturbations
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.guidance.perturbations import OtherModel, Perturbation
from cfgsweep.sweep.experiment import Experiment


class Plan:
    """Experiments as a tree of shared prefixes, with its cost. No tensors, and no torch.

    Everything is worked out when it is first used. The experiments' guidance traces and the models of their
    guiders are kept, and are shared with the plans that `subset` returns: one trace per experiment is made, however
    often a plan is divided.
    """

    def __init__(self, experiments: Iterable[Experiment]):
        self.experiments = tuple(experiments)
        self._traces: dict[Experiment, GuidanceTrace] = {}
        self._other_models: dict[tuple[GuiderBase, int, str], tuple[str, ...]] = {}

    def subset(self, experiments: Iterable[Experiment]) -> Plan:
        """The plan of some of the experiments; this one where they are all of them."""
        chosen = tuple(experiments)
        if len(chosen) == len(self.experiments):
            return self
        plan = Plan(chosen)
        plan._traces, plan._other_models = self._traces, self._other_models
        return plan

    def by_size(self) -> Iterator[Plan]:
        """One plan per picture size: rows of different sizes do not fit into one batch."""
        for size in dict.fromkeys(e.size for e in self.experiments):
            yield self.subset(e for e in self.experiments if e.size == size)

    @cached_property
    def starts(self) -> dict[StartKey, Node]:
        """The top of the tree: one node for every distinct start."""
        groups = group_by_start(self.experiments)
        return {start: Node(0, [(self._trace(e), e) for e in members]) for start, members in groups.items()}

    @cached_property
    def cost(self) -> Cost:
        """The evaluations that the plan takes."""
        return total_cost(count for _, count in self._costs)

    @cached_property
    def own_and_shared(self) -> Mapping[Experiment, tuple[int, int]]:
        """For every experiment: the evaluations that it alone needs, and those that it shares with others."""
        return {
            experiment: (total - shared, shared)
            for members, count in self._costs
            for experiment, total, shared in zip(members, count.totals, count.shared, strict=True)
        }

    @cached_property
    def perturbations(self) -> Mapping[Perturbation, GuiderBase]:
        """Every perturbation that the experiments need, with one of the guiders that need it."""
        return perturbations(self.experiments)

    def models(self, experiment: Experiment) -> tuple[str, ...]:
        """The names of the models that predict for an experiment: its own, then those of its guider."""
        key = experiment.guider, experiment.performed_steps, experiment.sampler
        if key not in self._other_models:
            needed = perturbations([experiment])
            self._other_models[key] = tuple(p.name for p in needed if isinstance(p, OtherModel))
        return (experiment.model, *self._other_models[key])

    @cached_property
    def _costs(self) -> list[tuple[list[Experiment], StartCost]]:
        return list(costs_of_starts(self.experiments, self._trace))

    def _trace(self, experiment: Experiment) -> GuidanceTrace:
        if experiment not in self._traces:
            self._traces[experiment] = GuidanceTrace(experiment)
        return self._traces[experiment]
