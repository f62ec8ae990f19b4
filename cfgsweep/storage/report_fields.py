"""The fields of phase.json, the report of a search: their types and meanings, for its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Numbers = Annotated[list[float], Field(min_length=2, max_length=2)]
Place = float | Numbers  # a value of a line, the two of a map

OLD_UNIT, OLD_ABRUPT = "median slopes of the scan", 10.0  # of version 0.1, whose reports do not say


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Evaluations(_Fields):
    spent: int
    """rows through the network that this search has computed"""
    sweep_as_fine: int
    """what a sweep over the whole range in steps of the tolerance takes"""


class Point(_Fields):
    value: Place
    """the value; in a map both"""
    id: str
    """of the experiment, as in experiments.jsonl"""
    image: str
    """the picture's path in the run folder"""


class Typical(_Fields):
    value: Numbers
    """the two values"""
    image: str
    """the picture's path in the run folder"""


class Area(_Fields):
    left: float
    """the lowest of the first value"""
    right: float
    """the highest one"""
    bottom: float
    """the lowest of the second value"""
    top: float
    """the highest one"""
    kind: int | None
    """of the pictures at all four corners; null where these are of several kinds, or were not computed"""


class Background(_Fields):
    median_slope: float
    """the slope that half of the range is below, in distance per unit of the value"""
    outlier_above: float
    """two mean slopes: what is above counts for a transition"""
    least_size: float
    """the least distance of the two sides of a transition"""
    mean_slope: float | None = None
    """the way of the picture over the whole range, divided by the range"""
    resolution: float | None = None
    """the distance by which that way is measured"""


class Slopes(_Fields):
    values: list[float]
    """the ends of the steps of that way"""
    per_unit: list[float]
    """the slope between each two of them, in distance per unit of the value"""


class TransitionFields(_Fields):
    before: float
    """where it begins"""
    after: float
    """where it ends"""
    location: float
    """the value at which the picture is half-way"""
    width: float
    """from 10 % to 90 % of that way"""
    size: float
    """the distance of the pictures before and after"""
    steepness: float
    """the slope between 10 % and 90 %, in the unit that `steepness_in` names"""
    verdict: Literal["abrupt", "gradual"]
    """abrupt from a steepness of `abrupt_from` on"""
    prominence: float | None = None
    """how much it stands out: what it has beyond two mean slopes, in least sizes"""
    location_uncertainty: float | None = None
    """how far more values may move the location"""
    width_uncertainty: float | None = None
    """the same of the width"""
    size_uncertainty: float | None = None
    """the same of the size"""
    steepness_low: float | None = None
    """the least steepness with all of these"""
    steepness_high: float | None = None
    """the largest one; null where the width may be 0"""
    verdict_margin: float | None = None
    """how far the nearer of both is from `abrupt_from`, as a share of it; negative where it is between them"""
    images: Annotated[list[str], Field(min_length=3, max_length=3)]
    """the pictures before, half-way through and after"""
    parting_step: int | None
    """the first step, from 0, from which on both sides stay at least half as far apart as they end; null if unknown"""
    parting: list[float]
    """how far the predictions of x0 of both sides are apart after every step: their root mean square in latents"""


class SearchFields(_Fields):
    title: str
    """the settings in which the searches differ"""
    guider: str | dict[str, Any]
    """as in records"""
    schedule: str | dict[str, Any]
    """as in records"""
    seed: int
    """of the initial noise"""
    model: str
    """the model that ran"""
    prompt: str | None = None
    """the prompt, of models of texts"""
    label: int | str | None = None
    """the label, of models of labels"""
    rounds: list[list[Place]]
    """the values of every round, in the order in which they were computed"""
    points: list[Point]
    """every picture, by rising value"""
    background: Background | None = None
    """what transitions are measured by; of lines"""
    slopes: Slopes | None = None
    """how fast the picture changes; of lines"""
    transitions: list[TransitionFields]
    """by rising value; none in maps"""
    ratios: list[float] = []
    """every location divided by the one before; of lines"""
    kinds: list[int] = []
    """the kind of picture at every point; of maps"""
    typical: list[Typical] = []
    """a picture of every kind; of maps"""
    cells: int | None = None
    """in how many cells the plane was divided; of maps"""
    areas: list[Area] = []
    """these cells; of maps"""


class Median(_Fields):
    median: float | None
    """of all seeds that have it; null without one"""
    low: float | None
    """where its 95% interval begins, by the bootstrap; null of fewer than 6 numbers"""
    high: float | None
    """where it ends"""


class Ratio(Median):
    ratios: list[float]
    """of every seed with two transitions"""


class SeedShare(_Fields):
    count: int
    """how many seeds"""
    of: int
    """of how many"""
    share: float | None
    """both divided"""
    low: float | None
    """where its 95% interval begins (Wilson)"""
    high: float | None
    """where it ends"""


class NearTwice(SeedShare):
    within: float
    """how near, as a share of twice the first location"""
    by_chance: float | None
    """the same share where the later transitions are those of the other seeds"""


class DistributionFields(_Fields):
    title: str
    """the settings in which the searches differ, apart from the seed"""
    seeds: int
    """how many searches"""
    locations: list[list[float]]
    """of the transitions of every search"""
    with_transition: SeedShare
    """seeds with a transition"""
    with_abrupt: SeedShare
    """seeds with an abrupt one"""
    with_second: SeedShare
    """seeds with two or more"""
    first: Median
    """the location of the first transition"""
    second_to_first: Ratio
    """the second location divided by the first"""
    near_twice: NearTwice
    """seeds with a transition near twice their first, of those whose range goes so far"""


class ReportFields(_Fields):
    """phase.json, the report of `cfgsweep phase`."""

    name: str
    """of the sweep"""
    search: str
    """what was varied: `value`, `guider.NAME.PARAMETER` or `schedule.NAME.PARAMETER`; of a map both, with a comma"""
    low: Place
    """where the range begins"""
    high: Place
    """where it ends"""
    tolerance: Place
    """how exactly a location was to be known"""
    distance: str
    """what makes two pictures different"""
    steepness_in: str = OLD_UNIT
    """the unit of the steepness; of lines, since version 0.2"""
    abrupt_from: float = OLD_ABRUPT
    """the steepness from which on a transition is abrupt; of lines, since version 0.2"""
    finished: bool = True
    """false where the search was stopped by `max_evaluations`"""
    evaluations: Evaluations
    """what it cost"""
    distributions: list[DistributionFields] = []
    """transitions over seeds, one for all searches that differ in the seed alone, if they are 3 or more; of lines"""
    searches: list[SearchFields]
    """one for every combination of the other axes"""


def report_schema() -> dict[str, Any]:
    """JSON Schema of phase.json. Fields that later versions add are allowed by it, and by its readers."""
    schema = ReportFields.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        del part["additionalProperties"]
    return schema
