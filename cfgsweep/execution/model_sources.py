"""Decides which model runs for each model that a sweep names."""

from __future__ import annotations

from dataclasses import replace

from cfgsweep.errors import UserError, error_context, error_key
from cfgsweep.execution.options import Options
from cfgsweep.models.source import Source, reachable, why_not_here
from cfgsweep.sweep.schema import Sweep
from cfgsweep.system.display import Display


def resolve_models(sweep: Sweep, options: Options, device: str, display: Display) -> dict[str, Source]:
    """The model that runs for each name in the sweep: that model, the one given by --model, or the fallback.

    The fallback is used, with a notice, where a model cannot run on this device or machine. --model has no fallback.
    Raises UserError where a model does not exist or its weights cannot be had.
    """
    fallback = None
    if sweep.fallback and options.model is None:
        with error_key("fallback"):
            fallback = Source.bundled(sweep.fallback)
    sources = {}
    for name in sweep.model:
        with error_context("--model") if options.model else error_key("model"):
            found = Source.of(options.model or name, sweep.revision, options.allow_pickle)
            source = replace(found, settings=sweep.load, task=sweep.task)
            reason = why_not_here(source, device) if fallback else None
            if fallback and reason:
                display.notice(f"{name} can't run here ({reason}); running the bundled model {fallback.name!r} instead")
                source = replace(fallback, task=sweep.task)
            if source.on_hub and not reachable(source):
                hint = "name a bundled model, a folder, or give the sweep a `fallback`"
                raise UserError("its weights are neither cached nor downloadable", given=source.name, hint=hint)
        sources[name] = source
    return sources
