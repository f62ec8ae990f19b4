"""How pipelines are put together."""

from __future__ import annotations

from typing import Any, TypeVar

FLOW = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}  # of schedulers that are not of flow alone
Pipeline = TypeVar("Pipeline")


def assemble(of: type[Pipeline], *texts: tuple[Any, Any], **parts: Any) -> Pipeline:
    """A pipeline of its text encoders, each with its tokenizer, in their order, and of other parts by their names."""
    for place, (encoder, tokenizer) in zip(("", "_2", "_3", "_4"), texts, strict=False):
        parts |= {f"text_encoder{place}": encoder, f"tokenizer{place}": tokenizer}
    return of(**parts)


def shortened(pipeline: Pipeline, **lengths: int) -> Pipeline:
    """The pipeline with other values of its own attributes that say how many tokens texts are padded to.

    Some pad every text to a thousand, which is no input of their call: nearly all of a tiny network's time.
    """
    for name, length in lengths.items():
        assert getattr(pipeline, name) > length
        setattr(pipeline, name, length)
    return pipeline
