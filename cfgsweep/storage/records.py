"""Records: what a run folder says of each experiment, one JSON object a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, TypeAdapter, model_validator

from cfgsweep.models.device_kind import DeviceKind

MOST_ROWS = 1024  # in one call of a denoiser, as --batch-size has it

Rows = Annotated[int, Field(ge=1, le=MOST_ROWS)]
Spec = str | dict[str, Any]  # of a guider or a schedule, as a sweep file gives it


def finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Without those that are not finite, of which there is no mean and no JSON."""
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


Numbers = Annotated[dict[str, float], AfterValidator(finite)]


class _Lenient(BaseModel):
    """Strict about the types of the declared fields; undeclared fields are kept."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, use_attribute_docstrings=True)


class BaseRecord(_Lenient):
    """What all records have."""

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    """of the experiment, a hash of its settings; it is the name of the picture's file"""
    title: str = ""
    """the settings in which the experiments of the sweep differed when it was computed"""

    _fields: dict[str, Any] = PrivateAttr(default_factory=dict)  # as read or given: keeps the order of the line

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """A record of these fields, which are written in this order. Raises ValidationError where one is wrong."""
        record = cls.model_validate(fields)
        record._fields = dict(fields)
        return record

    def as_json(self) -> dict[str, Any]:
        """The fields in the order in which they were read or given."""
        return dict(self._fields)

    def line(self) -> str:
        """The record as a line of experiments.jsonl, without its end."""
        return json.dumps(self._fields, ensure_ascii=False)

    def changed(self, **fields: object) -> Self:
        """A copy with some fields changed or added at the end."""
        return self.of({**self._fields, **fields})


class FailedRecord(BaseRecord):
    """An experiment that was tried and has no picture."""

    status: Literal["failed"]
    """`failed`"""
    reason: str
    """why there is no picture"""


class DoneRecord(BaseRecord):
    """A finished picture: its settings, how it was made, and the hash of its pixels."""

    status: Literal["done"]
    """`done`"""
    pixels_sha256: str
    """SHA-256 of the RGB bytes, row by row, frame by frame"""
    guider: Spec
    """the name of the guider, or a mapping from it to the parameters that were given or are not at their default"""
    schedule: Spec
    """the same of the schedule of the guidance scale"""
    code: dict[str, str] = {}
    """SHA-256 of users' Python files, by the names of the guiders and schedules that are in them"""
    value: float | None
    """the guidance scale, which the schedule changes over the steps; null where the guider takes none"""
    prompt: str | None = None
    """the prompt; null for models of labels"""
    negative_prompt: str | None = None
    """the negative prompt; null where it is left out"""
    label: int | str | None = None
    """the label, its number or its name; null for models of texts"""
    seed: int
    """of the initial noise"""
    steps: int
    """of the sampler"""
    sampler: str
    """its name; `model` is the pipeline's own scheduler"""
    width: int
    """in pixels"""
    height: int
    """in pixels"""
    frames: int = Field(default=1, ge=1)
    """how many frames the picture has, 2 or more for a video"""
    task: str = "text-to-image"
    """`text-to-image`, `image-to-image` or `inpainting`"""
    input_image: dict[str, str] | None = None
    """the picture that this one is made from: `path`, and `sha256` of the file"""
    mask: dict[str, str] | None = None
    """the mask of inpainting: `path`, and `sha256` of the file"""
    strength: float | None = None
    """how much of the steps are done on the input image, from 0 to 1"""
    call: dict[str, Any] = {}
    """further inputs of the pipeline's call"""
    lora: list[dict[str, Any]] = []
    """LoRA files and their scales"""
    cache: str | dict[str, Any] | None = None
    """the step cache of diffusers and its parameters"""
    vae: str | None = None
    """another autoencoder than the model's own"""
    fork: dict[str, Any] | None = None
    """where the way of the latents is split: `at`, with `seed` unless it is 0, and `amount` where it is given"""
    start: dict[str, Any] | None = None
    """a U-turn: `noise`, with `seed` unless it is 0, and the `path` and `sha256` of `image` where it is a file's"""
    load: dict[str, Any] = {}
    """how the model was loaded: quantization, offload and so on"""
    model: str
    """the model that ran: a bundled one's name, a folder, a file or a hub id"""
    revision: str | None = None
    """of the hub"""
    device: str
    """`cpu`, `cuda` or `mps`, with a number where there are several"""
    device_name: str | None = None
    """of the device's model, as `NVIDIA H100`; `cpu` of a CPU"""
    capability: str | None = None
    """which code computes on the device, and so decides the last bits: `9.0` of CUDA, `AVX2` of a CPU"""
    versions: dict[str, str] = {}
    """of Python, and of the libraries that decide pixels"""
    dtype: str
    """of the network: `float32`, `float16` or `bfloat16`"""
    batch_size: Rows
    """rows in every call of the network"""
    fingerprints: dict[str, str] = {}
    """SHA-256 of the files of every model that predicted, of LoRA files and of autoencoders, by their names"""
    evaluations: dict[str, int] = {}
    """rows through the network: `own`, and `shared` with other experiments"""
    effective_scale: float | None = None
    """the mean over all calls of <g - uncond, d> / <d, d>, with d = cond - uncond and the guided prediction g"""
    off_direction: float | None = None
    """the mean of the part of g - uncond that is across d, in lengths of d"""
    image: str = ""
    """the picture's path in the run folder"""
    metrics: Numbers = {}
    """the numbers that were measured, by the names of the metrics"""
    control_of: str | None = None
    """the id of the experiment that this picture was added for, by `compare:`, to compare it with"""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.width, self.height

    @property
    def kind(self) -> DeviceKind | None:
        """Of the device that made it; None where the record is of an earlier version."""
        return DeviceKind(self.device_name, self.capability) if self.device_name else None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.label is None and self.prompt is None:
            raise ValueError("neither a label nor a prompt")
        return self


Record = DoneRecord | FailedRecord

_RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="status")])


def record_schema() -> dict[str, Any]:
    """JSON Schema of a line of experiments.jsonl."""
    return _RECORD.json_schema()


def parse_record(line: str) -> Record | None:
    """A record from its line, or None if the line is not a whole record."""
    try:
        record = _RECORD.validate_json(line)
        record._fields = json.loads(line)
        return record
    except (ValueError, RecursionError):
        return None


class ModelEntry(_Lenient):
    """What ran under a model's name.

    fingerprint: of its files, or of its weights as version 0.1 has it; None where it is not known.
    batch_sizes: rows of every batch, by the size of the pictures ("64x64").
    batch_size: that of all sizes, in folders of version 0.1.
    row_bytes: what a row takes on the device, by the same sizes, where it was measured.
    batch_seconds: what a process took for a batch when pictures were last computed, by the same sizes.
    """

    runs: str
    fingerprint: str | None = None
    batch_size: Rows | None = None
    batch_sizes: dict[str, Rows] = {}
    row_bytes: dict[str, int] | None = None
    batch_seconds: dict[str, float] | None = None

    @property
    def known_batch_sizes(self) -> set[int]:
        """Every batch size that this folder has used for the model."""
        return {*self.batch_sizes.values(), *([] if self.batch_size is None else [self.batch_size])}


def size_key(width: int, height: int) -> str:
    """'64x64', the key of `ModelEntry.batch_sizes`."""
    return f"{width}x{height}"


class KindEntry(_Lenient):
    """A kind of device."""

    device_name: str
    capability: str | None = None

    @classmethod
    def of(cls, kind: DeviceKind) -> KindEntry:
        return cls(device_name=kind.name, capability=kind.capability)

    @property
    def kind(self) -> DeviceKind:
        return DeviceKind(self.device_name, self.capability)


class EnvironmentRecord(_Lenient):
    """The fields of environment.json that later commands use.

    capability: what decides which code computes on the device, when the folder was begun.
    kinds: those of all devices that made pictures, in a folder that is computed on several kinds (`--mixed`).
    shard: "2/16" in the folder of the second of 16 parts of its sweep.
    """

    device: str
    dtype: str
    models: dict[str, ModelEntry]
    device_name: str | None = None
    capability: str | None = None
    kinds: list[KindEntry] | None = None
    versions: dict[str, str] = {}
    shard: str | None = None

    @property
    def kind(self) -> DeviceKind | None:
        """Of the device on which the folder was begun; None where that is not known."""
        return DeviceKind(self.device_name, self.capability) if self.device_name else None

    @property
    def all_kinds(self) -> list[DeviceKind]:
        """Of all devices that made pictures, as far as they are known."""
        return [entry.kind for entry in self.kinds or []] or ([self.kind] if self.kind else [])


def parse_environment(text: str) -> EnvironmentRecord | None:
    """The content of environment.json, or None if it is not whole."""
    try:
        # Not by `model_validate_json`: it refuses a command with half a surrogate pair, as file names give.
        return EnvironmentRecord.model_validate(json.loads(text))
    except (ValueError, RecursionError):
        return None


def merged(kept: EnvironmentRecord, recorded: EnvironmentRecord) -> EnvironmentRecord:
    """environment.json, with what the pictures' records know beyond it of the models that ran."""
    known = {entry.runs: entry for entry in recorded.models.values()}
    ran = {entry.runs for entry in kept.models.values()}
    models = {name: _completed(entry, known.get(entry.runs)) for name, entry in kept.models.items()}
    models |= {name: entry for name, entry in recorded.models.items() if entry.runs not in ran and name not in models}
    return kept.model_copy(update={"models": models})


def _completed(entry: ModelEntry, recorded: ModelEntry | None) -> ModelEntry:
    if recorded is None:
        return entry
    batch_sizes = {**recorded.batch_sizes, **entry.batch_sizes}
    return entry.model_copy(
        update={"fingerprint": entry.fingerprint or recorded.fingerprint, "batch_sizes": batch_sizes}
    )


def environment_of_records(records: Iterable[Record]) -> EnvironmentRecord | None:
    """The environment as the pictures' records know it; the later ones where they differ. None without pictures."""
    made = [record for record in records if isinstance(record, DoneRecord)]
    if not made:
        return None
    fingerprints: dict[str, str] = {}
    batch_sizes: dict[str, dict[str, int]] = {}
    for record in made:
        fingerprints |= record.fingerprints
        batch_sizes.setdefault(record.model, {})[size_key(*record.size)] = record.batch_size
    models = {
        name: ModelEntry(runs=name, fingerprint=fingerprints.get(name), batch_sizes=batch_sizes.get(name, {}))
        for name in {**batch_sizes, **fingerprints}
    }
    kinds = list(dict.fromkeys(kind for record in made if (kind := record.kind)))
    return EnvironmentRecord(
        device=made[-1].device,
        dtype=made[-1].dtype,
        models=models,
        device_name=kinds[0].name if kinds else None,
        capability=kinds[0].capability if kinds else None,
        kinds=[KindEntry.of(kind) for kind in kinds] if len(kinds) > 1 else None,
        versions=made[-1].versions,
    )
