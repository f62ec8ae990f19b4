"""Raw bytes as the files that other commands read: `python -m tests.fuzz.readers -max_total_time=600 [CORPUS]`.

The first byte says which reader has the others. Whatever they are, there is a result or a UserError, in bounded time
and memory. `CFGSWEEP_FUZZ_READERS=records,picture` leaves the other readers out. How often each was called is told now
and then.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save
from torch import nn

from tests.fuzz.start import fuzz

with atheris.instrument_imports(include=["cfgsweep", "PIL.PngImagePlugin"]):
    from cfgsweep.config import yaml_io
    from cfgsweep.errors import UserError
    from cfgsweep.execution.sweep_files import convert
    from cfgsweep.models.fingerprint import fingerprint
    from cfgsweep.models.info import ModelInfo
    from cfgsweep.models.recorded.lora_file import METADATA, checked_lora_file
    from cfgsweep.models.source import Source, check_indices
    from cfgsweep.storage.decoding import opened_picture
    from cfgsweep.storage.drawings import is_drawing
    from cfgsweep.storage.names_in_records import names_in_records
    from cfgsweep.storage.png import own_record, save_png
    from cfgsweep.storage.records import DoneRecord
    from cfgsweep.storage.run_folder import RunFolder
    from cfgsweep.storage.verify import findings, repair
    from cfgsweep.sweep.schema import Sweep
    from cfgsweep.sweep.serialize import as_written
    from cfgsweep.system.display import SilentDisplay
    from cfgsweep.system.input_pictures import input_picture
    from cfgsweep.training.config import TrainConfig, TrainingFile
    from cfgsweep.training.data.huggingface import FORMATS
    from cfgsweep.training.data.idx import read_idx_folder
    from cfgsweep.training.data.rows import MOST_PIXELS, reduced
    from cfgsweep.training.folder import SETTINGS_FILE, check
    from cfgsweep.training.loop import Checkpoint
    from tests.fuzz import sweeps

from cfgsweep.models.video import Video
from cfgsweep.system.picture_files import NO_PICTURE, opened
from tests.support.foreign_pictures import A1111, COMFY, CUSTOM, WORKFLOW, picture_with
from tests.support.trainings import label_training

ID = "0123456789abcdef"
RECORD = {
    "id": ID, "title": "t", "status": "done", "pixels_sha256": "", "guider": {"cfg": {"start": 0.1}},
    "schedule": {"cosine": {"k_decay": 1.0}}, "value": 2.0, "prompt": "a cat", "negative_prompt": None, "seed": 1,
    "steps": 2, "sampler": "ddim", "width": 8, "height": 8, "frames": 2, "model": "emoji", "device": "cpu",
    "dtype": "float32", "batch_size": 2, "fingerprints": {"emoji": "0" * 64}, "evaluations": {"own": 2, "shared": 2},
    "call": {"guidance_scale": 1.5}, "lora": [{"file": "a.safetensors", "scale": 0.5}], "load": {"dtype": "bfloat16"},
    "vae": "x", "image": f"images/{ID}.png", "metrics": {"contrast": 0.1},
}  # fmt: skip
FAILED = {"id": "f" * 16, "title": "t", "status": "failed", "reason": "no", "guider": "cfg", "schedule": "constant"}
MODEL = ("model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json",
         "unet/diffusion_pytorch_model.safetensors.index.json")  # fmt: skip
IDX = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
TRAINING = label_training()


class Mute(SilentDisplay):
    def notice(self, text: str) -> None:
        pass


def run_folder(content: bytes, place: Path, file: str) -> RunFolder:
    """A run folder with one file of this content, and beside it a record and a whole environment.json."""
    files = {"experiments.jsonl": json.dumps(RECORD).encode(), "environment.json": environment(), file: content}
    for name, text in files.items():
        (place / name).parent.mkdir(exist_ok=True, parents=True)
        (place / name).write_bytes(text)
    return RunFolder(place)


def read_run(content: bytes, place: Path, file: str) -> None:
    """What run, verify and grid read of a folder; then it is repaired, after which nothing more is to repair."""
    run = run_folder(content, place, file)
    run.create()
    list(findings(run))
    names_in_records(run.records().values())
    run.report()
    repair(run, Mute())
    before = dict(run.records())
    repair(RunFolder(place), Mute())
    assert RunFolder(place).records() == before


def read_picture(content: bytes, place: Path) -> None:
    content = with_right_checksums(content)
    read_run(content, place, f"images/{ID}.png")
    path = place / f"images/{ID}.png"
    own_record(path)
    is_drawing(path, "grid")
    with contextlib.suppress(*NO_PICTURE):
        opened_picture(path)


def read_training_picture(content: bytes, place: Path) -> None:
    with contextlib.suppress(*NO_PICTURE):
        reduced(opened(io.BytesIO(with_right_checksums(content)), FORMATS, None, MOST_PIXELS), 8)


def read_input_picture(content: bytes, place: Path) -> None:
    (place / "a.png").write_bytes(with_right_checksums(content))
    image, _ = input_picture(place / "a.png")
    assert image.mode == "RGB"


def read_foreign_picture(content: bytes, place: Path) -> None:
    """One of another program becomes a sweep file that can be read."""
    (place / "a.png").write_bytes(with_right_checksums(content))
    sweeps.read_sweep(convert(place / "a.png").path)


def with_right_checksums(content: bytes) -> bytes:
    """A PNG with the checksum of each chunk made right, without which no reader looks further."""
    if not content.startswith(PNG):
        return content
    chunks, at = [PNG], len(PNG)
    while at + 8 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        body = content[at + 4 : at + 8 + length]
        chunks += [content[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join(chunks)


def read_training_file(content: bytes, place: Path) -> None:
    (place / "t.yaml").write_bytes(content)
    yaml_io.validate(TrainingFile, yaml_io.read(place / "t.yaml"))


def read_training_folder(content: bytes, place: Path) -> None:
    (place / SETTINGS_FILE).write_bytes(content)
    check(place, TrainConfig.model_validate(TRAINING))


def read_checkpoint(content: bytes, place: Path) -> None:
    (place / "checkpoint.pt").write_bytes(content)
    assert isinstance(checkpoint(place / "checkpoint.pt").load(), int)


def checkpoint(path: Path) -> Checkpoint:
    network = nn.Linear(2, 1)
    return Checkpoint(path, network, nn.Linear(2, 1), torch.optim.AdamW(network.parameters()))


def read_lora(content: bytes, place: Path) -> None:
    (place / "l.safetensors").write_bytes(content)
    checked_lora_file(str(place / "l.safetensors"))


def read_model(content: bytes, place: Path) -> None:
    """The small files of a model, one after the other, with a zero byte between them."""
    for name, text in zip(MODEL, content.split(b"\0"), strict=False):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(text)
    source = Source.of(str(place))
    check_indices(place)
    info = ModelInfo.read(str(place))
    fingerprint(source)
    info.noise_levels("ddim", 3)


def read_idx(content: bytes, place: Path) -> None:
    for name, part in zip(IDX, content.split(b"|||"), strict=False):
        (place / name).write_bytes(part)
    read_idx_folder(place, list("0123456789"))


def read_prompts(content: bytes, place: Path) -> None:
    """Texts in a file, whose kind the first byte says; the sweep with them can be written and read again."""
    path = place / f"p.{('txt', 'csv', 'tsv', 'jsonl')[content[0] % 4] if content else 'txt'}"
    path.write_bytes(content[1:])
    sweep = Sweep(name="x", model="emoji", guider="cfg", prompt={"file": path})
    assert Sweep(**as_written(sweep)) == sweep


READERS: dict[str, Callable[[bytes, Path], None]] = {
    "sweep": lambda content, place: sweeps.one(content, place / "sweep.yaml"),
    "records": lambda content, place: read_run(content, place, "experiments.jsonl"),
    "environment": lambda content, place: read_run(content, place, "environment.json"),
    "report": lambda content, place: read_run(content, place, "phase.json"),
    "picture": read_picture,
    "training-picture": read_training_picture,
    "input-picture": read_input_picture,
    "foreign-picture": read_foreign_picture,
    "training-file": read_training_file,
    "training-folder": read_training_folder,
    "checkpoint": read_checkpoint,
    "lora": read_lora,
    "model": read_model,
    "idx": read_idx,
    "prompts": read_prompts,
}
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # by a quarter
PNG = b"\x89PNG\r\n\x1a\n"


def environment() -> bytes:
    models = {"emoji": {"runs": "emoji", "fingerprint": "0" * 64, "batch_size": 2, "batch_sizes": {"8x8": 2}}}
    return json.dumps({"device": "cpu", "dtype": "float32", "models": models, "command": "cfgsweep run"}).encode()


def seeds(place: Path) -> Iterator[tuple[str, bytes]]:
    """Files of each kind, small ones."""
    yield from (("sweep", path.read_bytes()) for path in sweeps.CONFIGS.glob("*.yaml"))
    yield from (("training-file", path.read_bytes()) for path in sweeps.CONFIGS.glob("train/*.yaml"))
    yield "records", f"{json.dumps(RECORD)}\n{json.dumps(FAILED)}\n".encode()
    yield "environment", environment()
    report = {"name": "n", "search": "value", "evaluations": {}, "searches": [{"transitions": [{"image": ID}]}]}
    yield "report", (json.dumps(report, indent=1) + "\n").encode()
    of_users = ("training-picture", "input-picture")
    yield from ((reader, content) for content in pictures(place) for reader in ("picture", *of_users))
    for kind in ("JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(file, kind, exif=TURNED)
        yield from ((reader, file.getvalue()) for reader in of_users)
    for texts in ({"parameters": A1111}, {"prompt": COMFY}, {"prompt": CUSTOM}, {"workflow": WORKFLOW}):
        yield "foreign-picture", picture_with(place / "f.png", **texts).read_bytes()
    check(place / "t", config := TrainConfig.model_validate(TRAINING))
    yield "training-folder", config.model_dump_json(exclude={"tracker"}).encode()
    checkpoint(place / "c.pt").save(3)
    yield "checkpoint", (place / "c.pt").read_bytes()
    weights = {"unet.down.lora_A.weight": torch.ones(2, 2), "unet.down.lora_B.weight": torch.ones(2, 2)}
    yield "lora", save(weights, {METADATA: '{"unet.r": 4, "unet.lora_alpha": 2, "unet.target_modules": ["to_q"]}'})
    yield "lora", save(weights)
    yield (
        "model",
        b"\0".join(
            json.dumps(one).encode()
            for one in (
                {
                    "_class_name": "StableDiffusionPipeline",
                    "unet": ["diffusers", "UNet2DConditionModel"],
                    "vae": ["d", "A"],
                },
                {"num_train_timesteps": 1000, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction"},
                {"sample_size": 64},
                {"block_out_channels": [8, 16]},
                {"weight_map": {"a": "b.safetensors"}},
            )
        ),
    )
    table = b'prompt,negative_prompt,seed,value\n"a, b",c,1,2.5\n'
    json_line = b'{"prompt": "a", "seed": 1, "size": [8, 8]}\n'
    for number, text in enumerate((b"a cat\na dog\n", table, table.replace(b",", b"\t"), json_line)):
        yield "prompts", bytes([number]) + text
    header = bytes((0, 0, 8, 3, *(0, 0, 0, 1), *(0, 0, 0, 2), *(0, 0, 0, 2)))
    yield "idx", b"|||".join([header + bytes(4), bytes((0, 0, 8, 1, 0, 0, 0, 1, 7))] * 2)


def pictures(place: Path) -> Iterator[bytes]:
    """A PNG, an APNG with a record, and one with chunks of the kinds that Pillow knows."""
    frames = tuple(Image.new("RGB", (8, 8), colour) for colour in ("red", "green"))
    save_png(frames[0], place / "a.png", texts={"cfgsweep-drawing": "grid"})
    save_png(Video(frames, 8.0), place / "b.png", DoneRecord.of(RECORD))
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "b", zip=True)
    info.add(b"gAMA", struct.pack(">I", 45455))
    frames[0].convert("P").save(place / "c.png", pnginfo=info, icc_profile=b"x" * 8, dpi=(72, 72), transparency=0)
    yield from ((place / f"{name}.png").read_bytes() for name in "abc")


def main(place: Path) -> None:
    chosen = os.environ.get("CFGSWEEP_FUZZ_READERS")
    names = chosen.split(",") if chosen else list(READERS)
    calls: Counter[str] = Counter()

    def one(content: bytes) -> None:
        if not content:
            return
        name = names[content[0] % len(names)]
        calls[name] += 1
        if calls.total() % 5000 == 0:
            print(dict(calls), flush=True)
        folder = place / "read"
        folder.mkdir()
        try:
            with contextlib.suppress(UserError):
                READERS[name](content[1:], folder)
        finally:
            shutil.rmtree(folder)

    (place / "made").mkdir()
    found = [bytes([names.index(kind)]) + content for kind, content in seeds(place / "made") if kind in names]
    words = {*sweeps.names(), *RECORD, *MODEL, "IHDR", "acTL", "fcTL", "fdAT", "iCCP", "iTXt", "tEXt", "zTXt", "eXIf"}
    fuzz(one, found, words, place, 8192)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        main(Path(place))
