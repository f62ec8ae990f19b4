"""Titles of experiments: the settings that vary, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from cfgsweep.config.parameters import Parameters, compact
from cfgsweep.sweep.axes import AXES, with_variables
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.lora import lora_title
from cfgsweep.sweep.pictures import picture_title
from cfgsweep.sweep.step_cache import cache_title
from cfgsweep.sweep.turns import turn_title


def varying(experiments: Sequence[Experiment]) -> list[str]:
    """Names of the axes in which the experiments differ, in the order of a sweep file.

    Prompts that differ in their variables alone do not differ by themselves.
    """
    return [name for name in axes_of(experiments) if _differ(by_itself(name), experiments)]


def axes_of(experiments: Iterable[Experiment]) -> tuple[str, ...]:
    """The names of the axes that the experiments can have, with those of their variables."""
    several = {e.vars for e in experiments}
    return with_variables(dict.fromkeys(name for variables in several for name, _ in variables)) if several else AXES


def by_itself(name: str) -> Callable[[Experiment], Any]:
    """What an experiment has of an axis; of a prompt with variables, the names of these in their place."""
    if name == "prompt":
        return lambda e: e.template or e.prompt
    return attrgetter(name) if name in AXES else lambda e: e.value_of(name)


def _differ(value_of: Callable[[Experiment], Any], experiments: Sequence[Experiment]) -> bool:
    """Do the experiments differ in this value? Ends at the first that does, since there can be a million of them."""
    first = value_of(experiments[0]) if experiments else None
    return any((value := value_of(e)) is not first and value != first for e in experiments)


def axis_label(name: str, value: Any) -> str:
    """One setting for a title: 'tnorm', 'cosine k_decay=0.7', 'value 0.1', 'seed 7', '512x768'."""
    if isinstance(value, Parameters):
        return value.title()
    if name == "size":
        return "native" if value is None else f"{value[0]}x{value[1]}"
    if name in ("prompt", "negative_prompt"):
        return ("" if name == "prompt" else "not ") + ("given" if value is None else value or '""')
    if name == "call":
        return ", ".join(f"{key}={compact(one)}" for key, one in value) or "no further inputs"
    if value is None and name not in AXES:
        return f"no {name}"
    if name == "vae":
        return f"vae {'of the model' if value is None else value}"
    if name == "lora":
        return lora_title(value)
    if name in ("image", "mask"):
        return picture_title(name, value)
    if name == "cache":
        return cache_title(value)
    if name in ("fork", "start"):
        return turn_title(name, value)
    if name == "sampler":
        return str(value)
    return f"{name} {compact(value)}"


def title(experiment: Experiment, fields: list[str]) -> str:
    """The experiment's values of these fields in one line; the guider where there are no fields."""
    return ", ".join(axis_label(name, experiment.value_of(name)) for name in fields) or experiment.guider.title()


class TitleLabels(dict[str, str]):
    """What titles of drawings say in the place of names and values.

    By the name of an axis: `value: guidance scale` turns 'value 0.1' into 'guidance scale 0.1'. By an axis and one of
    its values, as a title has it: `seed.1`, `guider.tnorm`, where parameters of the guider stay as they are.
    """

    def of(self, name: str, value: Any) -> str:
        """One setting for a title, as `axis_label`."""
        usual = axis_label(name, value)
        for key in _keys(name, value):
            if key in self:
                begins = isinstance(value, Parameters) and key == f"{name}.{value.name}"
                return self[key] + usual.removeprefix(value.name) if begins else self[key]
        return f"{self[name]} {usual.removeprefix(f'{name} ')}".strip() if name in self else usual

    def unused(self, experiments: Sequence[Experiment]) -> list[str]:
        """Keys that name a value which none of the experiments has."""
        names = {key.partition(".")[0] for key in self if "." in key}
        known = {
            key for name in names for value in {e.value_of(name) for e in experiments} for key in _keys(name, value)
        }
        return [key for key in self if "." in key and key not in known]


def _keys(name: str, value: Any) -> list[str]:
    """How labels can name a setting: by its title, by the name of a guider or a schedule, by a text."""
    label = axis_label(name, value)
    names = [label, label.removeprefix(f"{name} ")]
    names += [value.name] if isinstance(value, Parameters) else [value] if isinstance(value, str) else []
    return [f"{name}.{one}" for one in names]
