"""Calls of the denoiser for batches of rows, always at one fixed batch shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch

from cfgsweep.engine.batching import pad
from cfgsweep.engine.trace import ForwardPass
from cfgsweep.engine.trajectory import Row, Trajectory
from cfgsweep.guidance.apply import blur_attended
from cfgsweep.guidance.perturbations import BlurredInput, OtherModel
from cfgsweep.models.denoiser import Denoiser, RowInputs
from cfgsweep.samplers import predicted_by


class DenoiserCalls:
    """Makes the inputs of batches."""

    def __init__(self, denoiser: Denoiser, batch_size: int):
        self.denoiser, self.batch_size = denoiser, batch_size
        self.prediction = predicted_by(denoiser.scheduler_config)
        self._unperturbed = denoiser

    def record_attention(self, record: bool) -> None:
        """Whether unperturbed predictions from now on come with the attention that each position gets."""
        self._unperturbed = self.denoiser.with_attention() if record else self.denoiser

    def prepare(self, batch: Sequence[Row]) -> Callable[[], torch.Tensor]:
        """The call that predicts the rows of a batch. Short batches are padded with their last row.

        All inputs are made here, and not when the call is made in its thread: tokenizers are not thread-safe.
        """
        latents = torch.cat(pad([self._input(*row) for row in batch], self.batch_size))
        rows = pad([self._row_inputs(row) for row in batch], self.batch_size)
        perturbation = batch[0][1].perturbation
        denoiser = self._unperturbed if perturbation is None else self.denoiser.perturbed(perturbation)
        return lambda: denoiser.predict_rows(latents, rows)[: len(batch)]

    def key(self, row: Row) -> Hashable:
        """What rows must have in common to be predicted in one call."""
        return row[1].perturbation, self._row_inputs(row).key

    def _input(self, trajectory: Trajectory, forward_pass: ForwardPass) -> torch.Tensor:
        """The denoiser's input, one row."""
        if not isinstance(forward_pass.perturbation, BlurredInput):
            return trajectory.model_input
        assert forward_pass.needs is not None  # it was predicted in an earlier batch
        predicted, attention = (given[forward_pass.needs] for given in (trajectory.predictions, trajectory.attention))
        sigma, _ = trajectory.sigmas
        blur_sigma = forward_pass.perturbation.blur_sigma
        blurred = blur_attended(trajectory.model_latents, predicted, attention, sigma, self.prediction, blur_sigma)
        return blurred * trajectory.sampler.length(trajectory.node.call)

    def _row_inputs(self, row: Row) -> RowInputs:
        """Only another model has inputs of its own: other perturbations share this one's."""
        trajectory, forward_pass = row
        perturbation = forward_pass.perturbation
        model = self.denoiser.perturbed(perturbation if isinstance(perturbation, OtherModel) else None)
        inputs: RowInputs = model.inputs(forward_pass.condition, trajectory.sampler, trajectory.node.call)
        sampling = trajectory.sampler.sampling
        # Predictions under perturbations are computed in full.
        cached = sampling is not None and sampling.cache is not None and perturbation is None
        return inputs.cached(trajectory.slot(forward_pass)) if cached else inputs
