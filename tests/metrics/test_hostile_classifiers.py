"""Python code in the folder of a classifier is not run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support import tiny_models as tiny
from tests.support.commands import command

SWEEP = "name: s\nmodel: {model}\nlabel: [0, 1]\nsteps: 2\nguider: cfg\nvalue: [1, 3]\n"

EVIL = """
import os
os.mkdir({mark!r})
from transformers import PretrainedConfig, PreTrainedModel
class EvilConfig(PretrainedConfig):
    model_type = "evil"
class Evil(PreTrainedModel):
    config_class = EvilConfig
"""


def test_code_beside_a_classifier_is_not_run_and_there_is_no_prompt(tmp_path: Path, sweep_file) -> None:
    model, mark = tmp_path / "model", tmp_path / "code-was-run"
    tiny.labelled_unet().save_pretrained(model)
    (model / "classifier").mkdir()
    for place in (model, model / "classifier"):
        (place / "evil.py").write_text(EVIL.format(mark=str(mark)))
    names = {"AutoConfig": "evil.EvilConfig", "AutoModelForImageClassification": "evil.Evil"}
    (model / "classifier/config.json").write_text(json.dumps({"model_type": "evil", "auto_map": names}))
    path = sweep_file(SWEEP.format(model=model) + "metrics: [adherence]\n")
    done = subprocess.run(
        command("run", path, "--out", tmp_path / "r"), input="y\n" * 9, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "takes a model with a classifier" in done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    assert not mark.exists()
