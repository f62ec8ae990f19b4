"""Computes experiments in this process and saves their pictures in a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cfgsweep.engine.observer import EngineObserver
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.execution.divergence import Divergence, Pair, divergences
from cfgsweep.execution.executor import Executor
from cfgsweep.execution.held_model import HeldModel
from cfgsweep.execution.model_checks import check_with_model
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.task import ComputeTask, execute
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.wording import counted


class LocalExecutor(Executor):
    """Computes in this process. The model that was used last stays loaded for the next call."""

    def __init__(self, session: RunSession):
        super().__init__(session)
        self._held: HeldModel | None = None

    def held(self, source: Source) -> HeldModel:
        if self._held is None or self._held.source != source:
            self._held = None  # free its memory first
            compute = self.session.settings.compute
            self._held = HeldModel(source, compute, load_model(source, compute))
        return self._held

    def check(self, source: Source, plan: Plan) -> None:
        check_with_model(plan, self.held(source).denoiser, self.session.notice_once)

    def notice_differences(self, pending: Sequence[Experiment]) -> None:
        super().notice_differences(pending)
        settings, kinds = self.session.settings, self.session.kind_of_roots
        if not settings.environment.mixed:
            return
        apart = [kind for e in pending if (kind := kinds.get(StartKey.of(e), settings.kind)) != settings.kind]
        if apart:
            others = ", ".join(map(str, dict.fromkeys(apart)))
            self.session.notice_once(
                f"{counted(len(apart), 'picture')} will be made on {settings.kind}, others of the same initial noise "
                f"on {others}: they may differ in their last bits"
            )

    def results(self, task: ComputeTask, plan: Plan, observer: EngineObserver) -> Iterator[Finished | Failed]:
        return execute(task, observer, self.held(task.source).denoiser, plan)

    def workers(self) -> int:
        return self.session.settings.compute.workers

    def divergences_of(self, task: ComputeTask, pairs: Sequence[Pair], plan: Plan) -> Iterator[tuple[Pair, Divergence]]:
        return zip(pairs, divergences(task, pairs, self.held(task.source).denoiser, plan), strict=True)
