"""The metric `clip_score`."""

from __future__ import annotations

from cfgsweep.metrics.text_image import ClipSettings, TextImageMetric


class ClipScore(TextImageMetric):
    """100 times the cosine of the CLIP features of a picture and its prompt, at least 0."""

    name = "clip_score"
    unit = "CLIP score, 0 to 100"
    higher_is_better = True
    source_of = "Hessel et al. 2021, arXiv 2104.08718, with the factor of torchmetrics"
    Settings = ClipSettings
