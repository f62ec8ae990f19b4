"""Any guider of diffusers as a guider of a sweep, for example `diffusers.AdaptiveProjectedGuidance`.

The classes of diffusers are used as they are: they say which parameters they take, which predictions they need at a
step, and what the guided prediction is. Their defects are not mended, so that they can be compared with other guiders.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

from pydantic import BeforeValidator, create_model, model_validator

from cfgsweep.config.fractions import check_in_order
from cfgsweep.config.parameters import Number, Whole, plain
from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.guidance.context import Branch, StepContext
from cfgsweep.guidance.interface import CompiledGuider, GuiderAtStep, GuiderBase, Memory
from cfgsweep.guidance.perturbations import DiffusersPass
from cfgsweep.guidance.window import guided_steps
from cfgsweep.samplers import PredictionKind
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "diffusers."
SCALE = "guidance_scale"
REFUSALS = (TypeError, ValueError, AttributeError, ImportError)  # what diffusers raises at settings that it cannot use
OF_CLASSIFIER_FREE = (1.0, 15.0)  # guidance scales that are in use
REPEATED = "again"  # the name of a branch that repeats the only other one: a single branch would not be guided


class Nested(dict[str, Any]):
    """Settings within settings, such as a LayerSkipConfig; hashable, and not to be changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(json.dumps(self, sort_keys=True))

    def __str__(self) -> str:
        return json.dumps(self)


class DiffusersGuider(GuiderBase):
    """A guider of diffusers, one row at a time, with a copy of its state per row.

    Where its class has a parameter of the name of one of ours (`start`, `stop`, `zero_init_steps`), that is its own
    and means what diffusers makes of it.

    offered: the names of its class's parameters.
    """

    differences_only = False
    rows_per_call = 1
    offered: ClassVar[tuple[str, ...]]

    @model_validator(mode="after")
    def _check_dropout(self) -> Self:
        if _has_dropout(json.loads(self.own_settings)):
            problem = "diffusers draws its dropout for a whole batch: a picture would depend on its neighbours"
            raise UserError(problem, where=type(self).name, allowed="dropout: 1.0")
        return self

    @model_validator(mode="after")
    def _check_with_diffusers(self) -> Self:
        try:
            _instance(type(self).name, self.own_settings)
        except REFUSALS as error:
            raise UserError(f"diffusers refuses: {error}", where=type(self).name) from None
        return self

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        start, stop = self._window_fractions
        check_in_order("the window is empty", start=start, stop=stop)
        return self

    @property
    def own_settings(self) -> str:
        """The parameters that diffusers is given, as JSON."""
        return json.dumps({key: plain(getattr(self, key)) for key in self.offered}, sort_keys=True)

    @property
    def special_scales(self) -> tuple[float, ...]:
        return (0.0, 1.0)  # where diffusers leaves out a prediction

    @property
    def own_scale(self) -> float | None:
        return float(getattr(self, SCALE)) if SCALE in self.changed_values() else None

    @property
    def zero_steps(self) -> int:
        return 0 if "zero_init_steps" in self.offered else self.zero_init_steps

    @property
    def _window_fractions(self) -> tuple[float, float]:
        return (0.0, 1.0) if "start" in self.offered else (self.start, self.stop)

    @classmethod
    def number_names(cls) -> tuple[str, ...]:
        return ("scale", "step", "steps")

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        scale, step, steps = (numbers[name] for name in self.number_names())
        return _known_branches(type(self).name, self.own_settings, scale, int(step), int(steps))

    def compile(self, steps: int, steps_of_calls: Sequence[int], noise_levels: tuple[float, ...]) -> CompiledGuider:
        window = guided_steps(*self._window_fractions, self.noise_interval, steps, noise_levels)
        at_steps = [GuiderAtStep(self, (float(step), float(steps))) for step in range(steps)]
        return CompiledGuider(steps_of_calls, window, self.zero_steps, self.special_scales, at_steps)

    def guide_rows(
        self, ctx: StepContext, memories: Sequence[Memory], prediction: PredictionKind
    ) -> tuple[Tensor, Sequence[Memory]]:
        """The memory is diffusers' guider itself, as it is after the step."""
        (memory,) = memories
        guider = _instance(type(self).name, self.own_settings) if memory is None else copy.deepcopy(memory)
        scale, step, steps = (ctx.numbers[name].item() for name in self.number_names())
        _begin_step(guider, scale, round(step), round(steps))
        predictions = {name: predicted for name, predicted in ctx.predictions.items() if name != REPEATED}
        return guider.forward(**predictions).pred, [guider]


def prepared(wanted: DiffusersPass, network: Any) -> Any:
    """The guider of diffusers after it has prepared a network for one of its passes; `cleanup_models` undoes it.

    Raises UserError where diffusers cannot prepare the network.
    """
    scale = math.nan if wanted.scale is None else wanted.scale
    guider = _instance(wanted.guider, wanted.settings)
    _begin_step(guider, scale, wanted.step, wanted.steps)
    try:
        for _ in range(wanted.place):
            guider.prepare_models(network)
            guider.cleanup_models(network)
        guider.prepare_models(network)
    except REFUSALS as error:
        guider.cleanup_models(network)
        raise UserError(f"diffusers cannot prepare the model: {error}", where=wanted.guider) from None
    return guider


@functools.cache
def diffusers_guider(name: str) -> type[DiffusersGuider]:
    """The class for `diffusers.X`, with the parameters of X. Raises UserError where there is no such guider."""
    import diffusers

    if name not in _classes():
        raise unknown_name("guider", name, sorted(_classes()))
    original = _classes()[name]
    signature = list(inspect.signature(original.__init__).parameters.values())[1:]
    offered = {parameter.name: parameter.default for parameter in signature if parameter.name != "enabled"}
    fields: dict[str, Any] = {key: (_field_type(default), _hashable(default)) for key, default in offered.items()}
    made = cast(type[DiffusersGuider], create_model(name.removeprefix(PREFIX), __base__=DiffusersGuider, **fields))
    made.name, made.offered, made.foreign_defaults = name, tuple(offered), tuple(offered)
    made.default_scale = float(offered.get(SCALE, DiffusersGuider.default_scale))
    made.usual = OF_CLASSIFIER_FREE if SCALE in offered else None
    made.source = f"diffusers {diffusers.__version__}"
    made.__doc__ = (inspect.getdoc(original) or "").split("\n\n")[0]
    made.list_valued = ("sigma", *(key for key, (kind, _) in fields.items() if kind is Anything))
    return made


@functools.lru_cache(maxsize=65536)
def _known_branches(name: str, settings: str, scale: float, step: int, steps: int) -> tuple[Branch, ...]:
    from diffusers.guiders.guider_utils import BaseGuidance

    guider = _instance(name, settings)
    prepares = type(guider).prepare_models is not BaseGuidance.prepare_models
    branches = []
    for place, data in enumerate(_begin_step(guider, scale, step, steps)):
        known_scale = None if math.isnan(scale) else scale
        perturbation = DiffusersPass(name, settings, known_scale, step, steps, place) if prepares else None
        branches.append(Branch(getattr(data, guider._identifier_key), data.text, perturbation))
    unchanged = _returns_its_input(guider, [branch.name for branch in branches])
    if len(branches) == 1 and not unchanged:
        branches.append(branches[0]._replace(name=REPEATED))
    return tuple(branches)


def _returns_its_input(guider: Any, names: list[str]) -> bool:
    """Whether predictions that are all equal are also the result. A zero-init for one returns something else.

    Raises UserError where the guider cannot take predictions of this shape.
    """
    import torch

    example = torch.linspace(-1, 1, 4 * 16 * 16).view(1, 4, 16, 16)
    try:
        return torch.equal(guider.forward(**dict.fromkeys(names, example)).pred, example)
    except (RuntimeError, *REFUSALS) as error:
        raise UserError(
            f"diffusers cannot guide pictures so: {shorten(str(error))}", where=PREFIX + type(guider).__name__
        ) from None


def _begin_step(guider: Any, scale: float, step: int, steps: int) -> list[Any]:
    """Begin a step as diffusers' pipelines do. Returns the guider's passes, with the kind of condition as `text`."""
    import torch

    if hasattr(guider, SCALE):
        setattr(guider, SCALE, scale)
    guider.set_state(step=step, num_inference_steps=steps, timestep=torch.tensor(0))  # no guider reads the timestep
    passes: list[Any] = guider.prepare_inputs({"text": ("prompt", "negative_prompt")})
    return passes


def _instance(name: str, settings: str) -> Any:
    cls = _classes()[name]
    with quiet_libraries():  # every instance logs that guiders are experimental
        return cls(**json.loads(settings))


@functools.cache
def _classes() -> dict[str, Any]:
    import diffusers.guiders
    from diffusers.guiders.guider_utils import BaseGuidance

    found = {PREFIX + name: cls for name, cls in vars(diffusers.guiders).items() if inspect.isclass(cls)}
    return {name: cls for name, cls in found.items() if issubclass(cls, BaseGuidance) and cls is not BaseGuidance}


def names_in_diffusers() -> list[str]:
    """The names of the guiders of the installed diffusers, with their prefix."""
    return sorted(_classes())


def _has_dropout(settings: Any) -> bool:
    """Whether any dropout in these settings is a matter of chance; None and 1 are not."""
    if isinstance(settings, dict):
        return settings.get("dropout") not in (None, 1) or any(map(_has_dropout, settings.values()))
    return isinstance(settings, list) and any(map(_has_dropout, settings))


def _hashable(given: Any) -> Any:
    if isinstance(given, dict):
        return Nested({key: _hashable(value) for key, value in given.items()})
    return tuple(map(_hashable, given)) if isinstance(given, list | tuple) else given


Anything = Annotated[Any, BeforeValidator(_hashable)]


def _field_type(default: Any) -> Any:
    """The type of a parameter, from its default; diffusers itself checks the rest."""
    if isinstance(default, str):
        return str
    return {bool: bool, int: Whole, float: Number}.get(type(default), Anything)


GuiderBase.registry.add_prefix(PREFIX, diffusers_guider)
