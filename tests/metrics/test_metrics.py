"""Metrics equal their closed forms, are kept in records, measured once, and drawn."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from cfgsweep.config.user_code import allow_code
from cfgsweep.errors import UserError
from cfgsweep.metrics.base import METRICS
from cfgsweep.metrics.classifier import LabelClassifier
from cfgsweep.metrics.spec import MetricSpec
from cfgsweep.models.source import Source
from cfgsweep.models.video import Video
from cfgsweep.training.config import Classifier, Recipe
from cfgsweep.training.tasks.classifier import build
from tests.support import tiny_models as tiny

SOURCE = Source("tiny", "nowhere")


def saturation(image: Image.Image) -> float:
    return METRICS["saturation"](SOURCE).measure(image, 0)


def contrast(image: Image.Image) -> float:
    return METRICS["contrast"](SOURCE).measure(image, 0)


def diversity(images: list[Image.Image]) -> float:
    return METRICS["diversity"](SOURCE).measure(images)


def flat(*colour: int) -> Image.Image:
    return Image.new("RGB", (6, 4), colour)


def test_saturation_is_that_of_the_colours() -> None:
    assert saturation(flat(90, 90, 90)) == 0
    assert saturation(flat(200, 0, 0)) == 1
    assert saturation(flat(200, 100, 100)) == pytest.approx(0.5, abs=0.01)


def test_contrast_is_the_spread_of_the_luminance() -> None:
    halves = np.zeros((4, 6), np.uint8)
    halves[:, 3:] = 255
    assert contrast(flat(9, 99, 200)) == 0
    assert contrast(Image.fromarray(halves)) == pytest.approx(0.5)
    assert contrast(Image.fromarray(halves // 2)) == pytest.approx(0.25, abs=0.005)


OWN = """\
from cfgsweep.metrics.base import MetricSettings, PictureMetric
class Bright(PictureMetric):
    class Settings(MetricSettings):
        level: int = 200
"""


def test_a_metric_goes_to_another_process_also_one_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with allow_code():
        own = MetricSpec.parse({f"{tmp_path / 'own.py'}:Bright": {"level": 3}})
    built_in = MetricSpec.parse({"clip_score": {"model": "somewhere"}})
    assert pickle.loads(pickle.dumps([own, built_in])) == [own, built_in]
    sent = pickle.dumps(own)
    (tmp_path / "own.py").write_text(f"{OWN}\n")
    with pytest.raises(UserError, match="the file has changed since the run began"):
        pickle.loads(sent)


def test_one_seed_has_no_diversity_but_was_measured(cli, sweep_file, tmp_path: Path) -> None:
    text = "name: x\nmodel: digits\nlabel: 3\nguider: cfg\nsteps: 1\nmetrics: [diversity]\n"
    assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0
    (record,) = records_of(tmp_path / "r")
    assert record["metrics"] == {}


def test_diversity_is_the_mean_distance_of_pairs() -> None:
    assert METRICS["diversity"].smallest_group == 2
    assert diversity([flat(0, 0, 0), flat(255, 255, 255)]) == pytest.approx(1)
    assert diversity([flat(0, 0, 0), flat(255, 255, 255), flat(0, 0, 0)]) == pytest.approx(2 / 3)


def test_numbers_of_videos_are_means_over_their_frames() -> None:
    grey, red, black, white = flat(90, 90, 90), flat(200, 0, 0), flat(0, 0, 0), flat(255, 255, 255)
    metric = METRICS["saturation"](SOURCE)
    assert metric.measure_frames(Video((grey, red, red, grey), fps=8), 0) == pytest.approx(0.5)
    assert metric.measure_frames(red, 0) == metric.measure(red, 0)
    of_groups = METRICS["diversity"](SOURCE)
    videos = [Video(frames, fps=8) for frames in ((black, black), (white, black))]  # second frames are equal
    assert of_groups.measure_frames(videos) == pytest.approx(0.5)
    assert of_groups.measure_frames([black, white]) == of_groups.measure([black, white])


def shade_classifier() -> Any:
    """Four labels, by random weights."""
    torch.manual_seed(1)
    config = Classifier(channels=(8,), layers_per_block=1, recipe=Recipe(steps=1, batch=1, learning_rate=0.1))
    return build(config, torch.Size((1, 8, 8)), ["first", "second", "third", "fourth"]).eval()


def test_adherence_is_whether_the_classifier_sees_the_label() -> None:
    network, classifier = shade_classifier(), LabelClassifier(shade_classifier())
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        grey = generator.integers(0, 256, (8, 8), dtype=np.uint8)
        pixels = torch.from_numpy(grey).float()[None, None] / 127.5 - 1
        said = int(network(pixels).logits.argmax())
        image, seen = Image.fromarray(grey).convert("RGB"), seen | {said}
        assert classifier.adherence(image, said) == classifier.adherence(image, network.config.id2label[said]) == 1
        assert classifier.adherence(image, (said + 1) % 4) == 0
    assert len(seen) > 1


@pytest.fixture(scope="module")
def with_classifier(saved) -> Path:
    """A model of labels with a classifier beside it."""
    folder = saved(tiny.labelled_unet())
    network = shade_classifier()
    network.config.held_out_accuracy = 0.25
    network.save_pretrained(folder / "classifier")
    return folder


def sweep_of(model: object, **settings: Any) -> str:
    base = {"name": "m", "model": str(model), "label": [0, 1], "seed": [1, 2, 3], "steps": 4, "guider": "cfg"}
    return yaml.safe_dump({**base, "value": [0, 2], "metrics": ["adherence", "diversity", "contrast"], **settings})


def test_a_run_measures_prints_and_keeps_its_metrics(cli, with_classifier: Path, tmp_path: Path, sweep_file) -> None:
    run, path = tmp_path / "r", sweep_file(sweep_of(with_classifier, exclude=[{"label": 1, "seed": 3}]))
    done = cli("run", path, "--out", run)
    assert done.code == 0
    lines = done.out.splitlines()
    head = next(n for n, line in enumerate(lines) if line.split() == ["value", "adherence", "diversity", "contrast"])
    assert f"adherence by {with_classifier}'s classifier, right for 25.0% of held-out pictures" in lines

    records = [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]
    classifier = LabelClassifier.load(str(with_classifier), None)
    for record in records:
        image = Image.open(run / record["image"])
        assert record["metrics"]["contrast"] == contrast(image)
        assert record["metrics"]["adherence"] == classifier.adherence(image, record["label"])
        alike = [r for r in records if (r["label"], r["value"]) == (record["label"], record["value"])]
        assert len(alike) == 3 - record["label"]
        assert record["metrics"]["diversity"] == diversity([Image.open(run / r["image"]) for r in alike])
    for offset, value in ((1, 0.0), (2, 2.0)):
        mine = [r for r in records if r["value"] == value]
        means = [np.mean([r["metrics"][m] for r in mine]) for m in ("adherence", "diversity", "contrast")]
        # Diversity is one number for each label, however many seeds it is of.
        means[1] = np.mean([next(r["metrics"]["diversity"] for r in mine if r["label"] == label) for label in (0, 1)])
        assert [float(word) for word in lines[head + offset].split()[1:]] == pytest.approx(means, abs=6e-4)

    drawn = cli("grid", run, "--plot")
    assert drawn.code == 0
    plot = Image.open(run / "grids/m-metrics.png")
    assert plot.width > 2 * plot.height
    assert str(run / "grids/m-metrics.png") in drawn.out
    assert cli("run", path, "--out", run).code == 0  # nothing to compute: the numbers stay
    assert [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()] == records


def test_metrics_added_later_need_no_new_pictures(cli, with_classifier: Path, tmp_path: Path, sweep_file) -> None:
    run = tmp_path / "r"
    assert cli("run", sweep_file(sweep_of(with_classifier, metrics=[])), "--out", run).code == 0
    refused = cli("grid", run, "--plot")
    assert refused.code == 2
    assert "measured nothing" in refused.err
    again = cli("run", sweep_file(sweep_of(with_classifier, metrics="saturation")), "--out", run)
    assert "12 of 12 pictures were there already" in again.out
    records = [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]
    assert all(record["metrics"] == {"saturation": 0.0} for record in records)


def test_a_metric_that_cannot_be_had_is_refused_before_the_run(cli, labelled: Path, tmp_path: Path, sweep_file) -> None:
    refused = cli("run", sweep_file(sweep_of(labelled)), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "takes a model with a classifier" in refused.err
    assert not (tmp_path / "r").exists()
    refused = cli("run", sweep_file(sweep_of("digits", metrics="adherance")), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "did you mean 'adherence'?" in refused.err


def records_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]


def write_records(run: Path, records: list[dict[str, Any]]) -> None:
    (run / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def diversity_of(run: Path, *seeds: int) -> float:
    records = [record for record in records_of(run) if record["seed"] in seeds]
    return diversity([Image.open(run / record["image"]) for record in records])


def test_a_number_in_a_record_is_not_measured_again(cli, labelled: Path, tmp_path: Path, sweep_file) -> None:
    run = tmp_path / "r"
    text = sweep_of(labelled, label=0, value=2, metrics=["diversity", "contrast"])
    assert cli("run", sweep_file(text), "--out", run).code == 0
    measured = records_of(run)
    for record in measured:
        record["metrics"]["contrast"] += 1  # no picture has this contrast
    del measured[1]["metrics"]["contrast"]
    write_records(run, measured)
    assert cli("run", sweep_file(text), "--out", run).code == 0
    again = records_of(run)
    assert [record["metrics"]["contrast"] > 1 for record in again] == [True, False, True]
    assert again[1]["metrics"]["contrast"] == contrast(Image.open(run / again[1]["image"]))
    before = (run / "experiments.jsonl").read_bytes()
    assert cli("run", sweep_file(text), "--out", run).code == 0
    assert (run / "experiments.jsonl").read_bytes() == before


def test_a_group_is_measured_again_when_its_members_change(cli, labelled: Path, tmp_path: Path, sweep_file) -> None:
    run = tmp_path / "r"
    for seeds in ([1, 2], [1, 2, 3], [1, 2], [2, 3], [1, 2, 3]):
        text = sweep_of(labelled, label=0, value=2, metrics=["diversity", "contrast"], seed=seeds)
        assert cli("run", sweep_file(text), "--out", run).code == 0
        found = {record["metrics"]["diversity"] for record in records_of(run) if record["seed"] in seeds}
        assert found == {diversity_of(run, *seeds)}
    alone = sweep_of(labelled, label=0, value=2, metrics=["diversity", "contrast"], seed=1)
    assert cli("run", sweep_file(alone), "--out", run).code == 0
    assert list(records_of(run)[0]["metrics"]) == ["contrast"]  # one picture has no diversity


def test_a_damaged_classifier_is_not_a_missing_one(cli, with_classifier: Path, tmp_path: Path, sweep_file) -> None:
    model = tmp_path / "model"
    shutil.copytree(with_classifier, model)
    (model / "classifier" / "model.safetensors").write_bytes(b"damaged")
    refused = cli("run", sweep_file(sweep_of(model)), "--out", tmp_path / "r")
    assert refused.code == 2
    assert "metrics: adherence takes a model with a classifier, and this one's cannot be loaded" in refused.err
    assert not (tmp_path / "r").exists()


def test_there_must_be_a_number_to_draw_over(cli, with_classifier: Path, tmp_path: Path, sweep_file) -> None:
    run = tmp_path / "r"
    assert cli("run", sweep_file(sweep_of(with_classifier, value=1, guider=["cfg", "apg"])), "--out", run).code == 0
    refused = cli("grid", run, "--plot")
    assert refused.code == 2
    assert "no number varies" in refused.err
