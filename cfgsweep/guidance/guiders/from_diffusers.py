"""Any of diffusers' own guiders as one of ours: `diffusers.AdaptiveProjectedGuidance`.

Their classes are asked, not described again: which parameters they take, which predictions they want at a step, and
what they make of them. What they get wrong is theirs to get wrong; that is what one compares.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import BeforeValidator, create_model, model_validator

from cfgsweep.config.parameters import Number, Whole, plain
from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.guidance.base import Branch, Guider, StepContext
from cfgsweep.guidance.perturbations import DiffusersPass
from cfgsweep.system.quiet import quiet_logs

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "diffusers."
SCALE = "guidance_scale"
REFUSALS = (TypeError, ValueError, AttributeError, ImportError)  # what diffusers raises at settings that it cannot use


class Nested(dict[str, Any]):
    """Settings within settings, such as a LayerSkipConfig; hashable, and not to be changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(json.dumps(self, sort_keys=True))

    def __str__(self) -> str:
        return json.dumps(self)


def _nested(given: Any) -> Any:
    if isinstance(given, dict):
        return Nested({key: _nested(value) for key, value in given.items()})
    return tuple(map(_nested, given)) if isinstance(given, list | tuple) else given


class DiffusersGuider(Guider):
    """A guider of diffusers. `start`, `stop` and the like are its own where it has them.

    offered: the parameters of its class.
    """

    one_by_one = True
    stateful = True
    differences_only = False
    offered: ClassVar[tuple[str, ...]]

    @model_validator(mode="after")
    def _draws_nothing(self) -> DiffusersGuider:
        if _dropout(json.loads(self.own_settings)):
            problem = "diffusers draws its dropout for a whole batch: a picture would depend on its neighbours"
            raise UserError(problem, where=type(self).name, allowed="dropout: 1.0")
        return self

    @model_validator(mode="after")
    def _is_taken(self) -> DiffusersGuider:
        try:
            _instance(type(self).name, self.own_settings)
        except REFUSALS as error:
            raise UserError(f"diffusers refuses: {error}", where=type(self).name) from None
        return self

    @property
    def own_settings(self) -> str:
        """What diffusers is given, as JSON."""
        return json.dumps({key: plain(getattr(self, key)) for key in self.offered}, sort_keys=True)

    @property
    def special_scales(self) -> tuple[float, ...]:
        return (0.0, 1.0)  # where diffusers leaves a prediction out

    @property
    def scale_by_default(self) -> float:
        return float(getattr(self, SCALE, self.default_scale))

    @property
    def sets_its_scale(self) -> bool:
        return SCALE in self.changed_values()

    @property
    def window_fractions(self) -> tuple[float, float]:
        return (0.0, 1.0) if "start" in self.offered else super().window_fractions

    @property
    def zero_steps(self) -> int:
        return 0 if "zero_init_steps" in self.offered else self.zero_init_steps

    @classmethod
    def number_names(cls) -> tuple[str, ...]:
        return ("scale", "guidance_rescale", "step", "steps")

    def parameter_values(self, steps: int) -> dict[str, list[float]]:
        """Where it is, for its class asks; the rescaling is its own."""
        place = [float(step) for step in range(steps)]
        return {"guidance_rescale": [0.0] * steps, "step": place, "steps": [float(steps)] * steps}

    def batch_key(self) -> DiffusersGuider:
        return self

    def branches(self, numbers: Mapping[str, float]) -> tuple[Branch, ...]:
        where = {"scale": numbers["scale"], "step": int(numbers["step"]), "steps": int(numbers["steps"])}
        return _known_branches(type(self).name, self.own_settings, **where)

    def advance(self, ctx: StepContext) -> tuple[Tensor, Any]:
        """One row's guided prediction, and the guider after it: what goes on to the next step."""
        guider = copy.deepcopy(ctx.memory) if ctx.memory is not None else _instance(type(self).name, self.own_settings)
        scale, step, steps = (ctx.numbers[name].item() for name in ("scale", "step", "steps"))
        _begin(guider, scale, round(step), round(steps))
        return guider.forward(**{name: x for name, x in ctx.predictions.items() if name != AGAIN}).pred, guider


def _dropout(settings: Any) -> bool:
    """Is there a share of dropout anywhere in these settings? 1 is no chance but certainty."""
    if isinstance(settings, dict):
        return settings.get("dropout") not in (None, 1) or any(map(_dropout, settings.values()))
    return isinstance(settings, list) and any(map(_dropout, settings))


AGAIN = "again"  # the name of a prediction that is there to say that the first one is not the whole answer


@functools.lru_cache(maxsize=65536)
def _known_branches(name: str, settings: str, scale: float, step: int, steps: int) -> tuple[Branch, ...]:
    from diffusers.guiders.guider_utils import BaseGuidance

    guider = _instance(name, settings)
    prepares = type(guider).prepare_models is not BaseGuidance.prepare_models
    branches = []
    for place, data in enumerate(_begin(guider, scale, step, steps)):
        known_scale = None if math.isnan(scale) else scale
        perturbation = DiffusersPass(name, settings, known_scale, step, steps, place) if prepares else None
        branches.append(Branch(getattr(data, guider._identifier_key), data.text, perturbation))
    handed_on = _tried(guider, [role.name for role in branches])
    if len(branches) == 1 and not handed_on:
        branches.append(branches[0]._replace(name=AGAIN))
    return tuple(branches)


def _tried(guider: Any, names: list[str]) -> bool:
    """Does the guider hand on predictions that are all the same, or make something of them, as a zero-init does?

    Raises UserError where it cannot take predictions of this shape.
    """
    import torch

    some = torch.linspace(-1, 1, 4 * 16 * 16).view(1, 4, 16, 16)
    try:
        return torch.equal(guider.forward(**dict.fromkeys(names, some)).pred, some)
    except (RuntimeError, *REFUSALS) as error:
        raise UserError(
            f"diffusers cannot guide pictures so: {shorten(str(error))}", where=PREFIX + type(guider).__name__
        ) from None


def prepared(wanted: DiffusersPass, network: Any) -> Any:
    """diffusers' guider after it has prepared a network for one of its passes; `cleanup_models` undoes it."""
    scale = math.nan if wanted.scale is None else wanted.scale
    guider = _instance(wanted.guider, wanted.settings)
    _begin(guider, scale, wanted.step, wanted.steps)
    try:
        for _ in range(wanted.place):
            guider.prepare_models(network)
            guider.cleanup_models(network)
        guider.prepare_models(network)
    except REFUSALS as error:
        guider.cleanup_models(network)
        raise UserError(f"diffusers cannot prepare the model: {error}", where=wanted.guider) from None
    return guider


def _begin(guider: Any, scale: float, step: int, steps: int) -> list[Any]:
    """A step as diffusers' pipelines begin it; the passes that the guider wants, each with the `text` it is about."""
    import torch

    if hasattr(guider, SCALE):
        setattr(guider, SCALE, scale)
    guider.set_state(step=step, num_inference_steps=steps, timestep=torch.tensor(0))  # which none of them looks at
    passes: list[Any] = guider.prepare_inputs({"text": ("prompt", "negative_prompt")})
    return passes


def _instance(name: str, settings: str) -> Any:
    cls = _classes()[name]
    with quiet_logs():  # every instance logs that guiders are experimental
        return cls(**json.loads(settings))


@functools.cache
def _classes() -> dict[str, Any]:
    import diffusers.guiders
    from diffusers.guiders.guider_utils import BaseGuidance

    found = {PREFIX + name: cls for name, cls in vars(diffusers.guiders).items() if inspect.isclass(cls)}
    return {name: cls for name, cls in found.items() if issubclass(cls, BaseGuidance) and cls is not BaseGuidance}


@functools.cache
def diffusers_guider(name: str) -> type[Guider]:
    """The class for `diffusers.X`, its parameters those of X. Raises UserError where there is no such guider."""
    import diffusers

    if name not in _classes():
        raise unknown_name("guider", name, sorted(_classes()))
    theirs = _classes()[name]
    asked = list(inspect.signature(theirs.__init__).parameters.values())[1:]
    offered = {each.name: each for each in asked if each.name != "enabled"}
    fields: dict[str, Any] = {key: (_kind(each.default), _nested(each.default)) for key, each in offered.items()}
    made = cast(type[DiffusersGuider], create_model(name.removeprefix(PREFIX), __base__=DiffusersGuider, **fields))
    made.name, made.offered, made.foreign_defaults = name, tuple(offered), tuple(offered)
    made.source = f"diffusers {diffusers.__version__}"
    made.__doc__ = (inspect.getdoc(theirs) or "").split("\n\n")[0]
    made.lists = ("sigma", *(key for key, (kind, _) in fields.items() if kind is Anything))
    return made


Guider.registry.add_prefix(PREFIX, diffusers_guider)

Anything = Annotated[Any, BeforeValidator(_nested)]


def _kind(default: Any) -> Any:
    """The type of a parameter, from its default; diffusers itself looks at the rest."""
    if isinstance(default, str):
        return str
    return {bool: bool, int: Whole, float: Number}.get(type(default), Anything)
