"""`kept` of a model of texts: whether its scorer sees the same one of some texts as before a U-turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

import cfgsweep
from cfgsweep.models.source import Source

TEXTS = ["a cat", "a red heart", "a blue car", "a house"]
SWEEP = """\
name: k
model: emoji
prompt: [a cat, a red heart, a blue car]
seed: [1, 2]
steps: 4
guider: cfg
value: 0
start: {noise: [0, 0.5, 1]}
metrics: [{kept: {texts: [a cat, a red heart, a blue car, a house]}}]
"""


def test_it_is_what_transformers_finds(cli, sweep_file, tmp_path: Path) -> None:
    assert cli("run", sweep_file(SWEEP), "--out", tmp_path / "r", "--quiet").code == 0
    folder = Path(Source.of("emoji", None).place) / "scorer"
    model, words = CLIPModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    pictures = CLIPImageProcessorPil.from_pretrained(folder)
    tokens = words(TEXTS, return_tensors="pt", padding="max_length", truncation=True)

    def seen(image) -> int:
        inputs = {**pictures(image, return_tensors="pt"), **tokens}
        return int(model(**inputs).logits_per_image.argmax())

    found, expected = [], []
    run = list(cfgsweep.open_run(tmp_path / "r"))
    origins = {(r.experiment.prompt, r.experiment.seed): r for r in run if r.experiment.start is None}
    for result in run:
        assert result.record is not None
        found.append(result.record.as_json()["metrics"]["kept"])
        origin = origins[result.experiment.prompt, result.experiment.seed]
        expected.append(float(seen(result.image) == seen(origin.image)))
    assert found == expected
    assert 0 < sum(found) < len(found)


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("kept", ["a classifier", "texts"]),
        ("{kept: {texts: [a cat]}}", ["nothing to tell apart", "two or more"]),
        ("{kept: {texts: [a cat, 7]}}", ["not a text", "7"]),
        ("{kept: {text: [a cat]}}", ["did you mean 'texts'"]),
    ],
)
def test_wrong_settings_are_refused(cli, sweep_file, tmp_path: Path, metric: str, told: list[str]) -> None:
    text = SWEEP.replace("{kept: {texts: [a cat, a red heart, a blue car, a house]}}", metric)
    done = cli("run", sweep_file(text), "--out", tmp_path / "r")
    assert done.code == 2
    assert all(part in done.err for part in told), done.err
    assert not (tmp_path / "r").exists()
