"""Metrics by CLIP models equal transformers' own logits; aesthetic the layers of the published predictors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoImageProcessor, AutoTokenizer

from cfgsweep.errors import UserError
from cfgsweep.metrics.base import METRICS, PictureMetric
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.source import Source
from tests.support.tiny_clip import PROJECTION, tiny_clip

TEXTS = ["a horse", "a photograph of a cat, and many more words than this tokenizer reads", "a horse", ""]


def pictures(count: int = 4) -> list[Image.Image]:
    generator = np.random.default_rng(5)
    return [Image.fromarray(generator.integers(0, 256, (24, 20, 3), dtype=np.uint8)) for _ in range(count)]


def made(given: Any) -> PictureMetric:
    metric = MetricSpec.parse(given).make(Source("tiny", "nowhere"))
    metric.prepare()
    assert isinstance(metric, PictureMetric)
    return metric


def logits(network: Any, folder: Path, images: Sequence[Image.Image], texts: Sequence[str]) -> list[float]:
    """As transformers' documentation computes them, one pair after the other."""
    found = []
    for image, text in zip(images, texts, strict=True):
        pixels = AutoImageProcessor.from_pretrained(folder)(images=image, return_tensors="pt").pixel_values
        tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", truncation=True, max_length=12)
        with torch.inference_mode():
            found.append(float(network(pixel_values=pixels, **tokens).logits_per_image))
    return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("clip")
    return folder, tiny_clip(folder)


def test_clip_score_is_a_hundred_cosines(clip) -> None:
    folder, network = clip
    expected = np.array(logits(network, folder, pictures(), TEXTS)) / float(network.logit_scale.detach().exp())
    assert min(expected) < 0 < max(expected)
    found = made({"clip_score": {"model": str(folder)}}).measure_batch(pictures(), TEXTS)
    assert found == pytest.approx(np.maximum(0, 100 * expected), abs=1e-4)


def test_pick_score_is_the_logit(clip) -> None:
    folder, network = clip
    metric = made({"pick_score": {"model": str(folder), "processor": None}})
    assert metric.measure_batch(pictures(), TEXTS) == pytest.approx(
        logits(network, folder, pictures(), TEXTS), abs=1e-5
    )


def test_pick_score_takes_the_processor_of_another_folder(clip, tmp_path: Path) -> None:
    folder, _ = clip
    network = tiny_clip(tmp_path, seed=1, processor=False)
    metric = made({"pick_score": {"model": str(tmp_path), "processor": str(folder)}})
    assert metric.measure_batch(pictures(), TEXTS) == pytest.approx(
        logits(network, folder, pictures(), TEXTS), abs=1e-5
    )


def test_hps_v2_is_the_cosine(clip) -> None:
    folder, network = clip
    expected = np.array(logits(network, folder, pictures(), TEXTS)) / float(network.logit_scale.detach().exp())
    assert made({"hps_v2": {"model": str(folder)}}).measure_batch(pictures(), TEXTS) == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.parametrize("kind", ["linear.pth", "several.pth", "several.safetensors"])
def test_aesthetic_is_the_predictor_on_normalised_features(clip, tmp_path: Path, kind: str) -> None:
    folder, network = clip
    torch.manual_seed(2)
    if kind == "linear.pth":
        head: torch.nn.Module = torch.nn.Linear(PROJECTION, 1)
        state = head.state_dict()
    else:  # as improved-aesthetic-predictor has them, with dropout between the layers
        linear, dropout = torch.nn.Linear, torch.nn.Dropout(0.2)
        head = torch.nn.Sequential(linear(PROJECTION, 8), dropout, linear(8, 6), dropout, linear(6, 1)).eval()
        state = {f"layers.{name}": tensor for name, tensor in head.state_dict().items()}
    path = tmp_path / kind
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    metric = made({"aesthetic": {"model": str(folder), "head": str(path)}})
    pixels = AutoImageProcessor.from_pretrained(folder)(images=pictures(), return_tensors="pt").pixel_values
    with torch.inference_mode():
        features = network.visual_projection(network.vision_model(pixels).pooler_output)
        expected = head(features / features.norm(dim=-1, keepdim=True))[:, 0].tolist()
    assert metric.measure_batch(pictures(), TEXTS) == pytest.approx(expected, abs=1e-5)


def test_a_predictor_that_is_a_pickle_of_code_is_refused(clip, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return Path(tmp_path / "ran").touch, ()

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="not the weights of an aesthetic predictor"):
        made({"aesthetic": {"model": str(clip[0]), "head": str(tmp_path / "evil.pth")}})
    assert not (tmp_path / "ran").exists()


def test_the_predictor_of_another_model_is_refused(clip, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(PROJECTION + 1, 1).state_dict(), tmp_path / "head.pth")
    with pytest.raises(UserError, match="another CLIP model's predictor"):
        made({"aesthetic": {"model": str(clip[0]), "head": str(tmp_path / "head.pth")}})


def test_batches_change_nothing(clip) -> None:
    metric = made({"clip_score": {"model": str(clip[0])}})
    single = [metric.measure(image, text) for image, text in zip(pictures(), TEXTS, strict=True)]
    assert metric.measure_batch(pictures(), TEXTS) == pytest.approx(single, abs=1e-4)


WITHOUT_WEIGHTS = [
    "clip_score",
    "pick_score",
    "hps_v2",
    "aesthetic",
    {"aesthetic": {"head": "nowhere.pth"}},
    "image_reward",
    "text_score",
    "lpips",
    {"vendi": {"features": "clip"}},
    {"diversity": {"features": "dino"}},
    {"clip_score": {"model": "empty"}},
]


@pytest.mark.parametrize("metric", WITHOUT_WEIGHTS, ids=str)
def test_weights_that_are_not_here_are_named_before_a_run(
    cli, tiny_model: Path, sweep_file, tmp_path, monkeypatch: pytest.MonkeyPatch, offline, metric: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    sweep = {"name": "m", "model": str(tiny_model), "prompt": "a cat", "steps": 1, "seed": [0, 1], "guider": "cfg"}
    refused = cli("run", sweep_file(yaml.safe_dump({**sweep, "metrics": [metric]})), "--out", tmp_path / "r")
    assert refused.code == 2
    assert refused.err.startswith("error: metrics: ")
    words = ("not on this machine", "takes the package", "takes weights", "takes the file", "no such file", "no scorer")
    assert any(word in refused.err for word in words)
    assert not (tmp_path / "r").exists()


def test_a_run_has_scores_of_its_prompts(cli, clip, tiny_model: Path, sweep_file, tmp_path: Path) -> None:
    folder, network = clip
    score, vendi = {"clip_score": {"model": str(folder)}}, {"vendi": {"features": str(folder)}}
    sweep = {"name": "m", "model": str(tiny_model), "prompt": TEXTS[:2], "steps": 1, "seed": [0, 1], "guider": "cfg"}
    path = sweep_file(yaml.safe_dump({**sweep, "metrics": [score, vendi]}))
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    records = [json.loads(line) for line in (tmp_path / "r/experiments.jsonl").read_text().splitlines()]
    images = [Image.open(tmp_path / "r" / record["image"]) for record in records]
    expected = np.array(logits(network, folder, images, [record["prompt"] for record in records]))
    found = [record["metrics"][f"clip_score model={folder}"] for record in records]
    assert found == pytest.approx(np.maximum(0, 100 * expected / float(network.logit_scale.detach().exp())), abs=1e-4)
    assert all(1 <= record["metrics"][f"vendi features={folder}"] <= 2 for record in records)

    tiny_clip(folder, seed=9)  # other weights in the same place: numbers of the first ones are not kept
    try:
        assert cli("run", path, "--out", tmp_path / "r").code == 0
        again = [json.loads(line) for line in (tmp_path / "r/experiments.jsonl").read_text().splitlines()]
        assert [record["metrics"] for record in again] != [record["metrics"] for record in records]
    finally:
        tiny_clip(folder)


def test_every_metric_says_what_it_needs_and_where_it_is_from() -> None:
    needs = {"picture", "prompt", "label", "seeds", "reference"}
    for name, cls in METRICS.items():
        assert {"picture"} <= set(cls.needs) <= needs, name
        assert cls.unit, name
        assert (cls.__doc__ or "").splitlines()[0].endswith("."), name
