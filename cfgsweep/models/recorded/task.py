"""The pipeline of a task that has the parts of another one."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

import diffusers
from diffusers.pipelines import auto_pipeline

from cfgsweep.errors import UserError, shorten
from cfgsweep.samplers import IMAGE_TO_IMAGE, INPAINTING, TEXT_TO_IMAGE, Task

SUFFIXES = {IMAGE_TO_IMAGE: "Img2ImgPipeline", INPAINTING: "InpaintPipeline"}
NOT_OF_TEXTS_ALONE = ("controlnet", "control", "pag", "if", "edit", "layered")  # parts of families' names


def of_task(pipeline: Any, task: Task, name: str) -> Any:
    """diffusers' pipeline for the task, with the parts of this one. name: of the model.

    It is found by diffusers' table of classes, or by the usual ending of their names. Raises UserError where there is
    none.
    """
    if task == TEXT_TO_IMAGE:
        return pipeline
    own, table = type(pipeline).__name__, _table(task)
    try:
        found = _class_of(own, task)
        if found is not None:
            parts = {**pipeline.config, **pipeline.components}
            wanted = inspect.signature(found.__init__).parameters
            return found(**{part: parts[part] for part in wanted if part in parts})
    except (ValueError, TypeError, ImportError) as error:
        problem = f"its {task} cannot be made of its parts: {shorten(str(error), 300)}"
        raise UserError(problem, where=name, given=own) from None
    families = [family for family in table if not set(NOT_OF_TEXTS_ALONE) & set(family.split("-"))]
    problem = f"the installed diffusers has no {task} for a {own}"
    raise UserError(problem, where="task", given=task, allowed=families, hint=_nearest(own, table))


def tasks_of(pipeline: str) -> list[Task]:
    """For which tasks with a picture diffusers has a pipeline of this one's parts. pipeline: the name of its class."""
    return [task for task in SUFFIXES if _class_of(pipeline, task) is not None]


def _class_of(pipeline: str, task: Task) -> Any:
    by_name = getattr(diffusers, pipeline.removesuffix("Pipeline") + SUFFIXES[task], None)
    return auto_pipeline._get_task_class(_table(task), pipeline, throw_error_if_not_exist=False) or by_name


def _table(task: Task) -> dict[str, Any]:
    found: dict[str, Any] = {
        IMAGE_TO_IMAGE: auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
        INPAINTING: auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING,
    }[task]
    return found


def _nearest(own: str, table: dict[str, Any]) -> str:
    """A hint with the family whose name is nearest to a pipeline's class."""
    by_class = {cls.__name__: family for family, cls in table.items()}
    close = difflib.get_close_matches(own, by_class, n=1, cutoff=0.0)
    return f"the nearest family is {by_class[close[0]]}" if close else ""
