"""cfgsweep leaves the process as it was: log levels, progress bars, warning filters, signal handlers."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import diffusers
import huggingface_hub.utils as hub
import pytest
import torch
import transformers

from cfgsweep.system.quiet import quiet_libraries

# What a notebook would find changed. The imports come first: libraries themselves change some of it when imported.
STATE = """
import logging, signal, sys, warnings
import torch, transformers, diffusers, huggingface_hub, datasets, torchmetrics, scipy.optimize
import diffusers.guiders, diffusers.hooks
from diffusers import StableDiffusionPipeline, DDPMPipeline, DiTPipeline
from transformers import AutoModelForImageClassification, CLIPTextModel, CLIPTokenizer

def state():
    loggers = {name: logging.getLogger(name) for name in [None, *logging.root.manager.loggerDict]}
    return {
        "filters": list(warnings.filters),
        "levels": {name: (logger.level, logger.disabled, list(logger.filters)) for name, logger in loggers.items()},
        "verbosity": [x.utils.logging.get_verbosity() for x in (diffusers, transformers, huggingface_hub)],
        "bars": [x.utils.logging.is_progress_bar_enabled() for x in (diffusers, transformers)],
        "hub bars": huggingface_hub.utils.are_progress_bars_disabled(),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "threads": torch.get_num_threads(),
    }

def differing(before, after):
    found = {key: (before[key], after[key]) for key in before if key != "levels" and before[key] != after[key]}
    found |= {name: level for name, level in before["levels"].items() if after["levels"][name] != level}
    return found

before = state()
"""
RUN = """
import cfgsweep, cfgsweep.cli
from cfgsweep.cli import run_command
code = run_command(["run", *sys.argv[1:]])
assert code == 0, code
changed = differing(before, state())
assert not changed, changed
"""
LOAD = """
from cfgsweep.guidance import GUIDERS
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
GUIDERS["diffusers.PerturbedAttentionGuidance"]
denoiser = load_model(Source.of(sys.argv[1]), device.choose("cpu"))
denoiser.predict(torch.zeros(1, 1, 8, 8), torch.tensor([5.0]), denoiser.encode(1))
changed = differing(before, state())
assert not changed, changed
"""


def settings() -> list:
    """Everything that the context manager changes."""
    levels = [logging.getLogger(name).level for name in ("diffusers", "transformers", "huggingface_hub", "datasets")]
    bars = [library.utils.logging.is_progress_bar_enabled() for library in (diffusers, transformers)]
    return [levels, bars, hub.are_progress_bars_disabled(), list(warnings.filters)]


@pytest.mark.slow
def test_a_run_leaves_the_process_as_it_was(labelled: Path, tmp_path: Path, sweep_file) -> None:
    guiders = "[cfg, diffusers.ClassifierFreeGuidance]"
    path = sweep_file(f"name: x\nmodel: {labelled}\nlabel: 1\nsteps: 2\nguider: {guiders}\nvalue: 2\n")
    words = [str(path), "--out", str(tmp_path / "r")]
    done = subprocess.run([sys.executable, "-c", STATE + RUN, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, "tracing is not silent"


@pytest.mark.slow
def test_loading_a_model_leaves_the_process_as_it_was(labelled: Path) -> None:
    done = subprocess.run([sys.executable, "-c", STATE + LOAD, str(labelled)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("hub_bars", [True, False])
def test_settings_are_changed_within_and_restored_after(hub_bars: bool) -> None:
    def is_quiet() -> bool:
        loud = logging.getLogger("diffusers").level, transformers.utils.logging.is_progress_bar_enabled()
        ignored = any(entry[2] is torch.jit.TracerWarning for entry in warnings.filters)
        return loud == (logging.CRITICAL, False) and hub.are_progress_bars_disabled() and ignored

    (hub.enable_progress_bars if hub_bars else hub.disable_progress_bars)()
    try:
        before = settings()
        with quiet_libraries("diffusers", "transformers"):
            assert is_quiet()
            with quiet_libraries():
                assert is_quiet()
            assert is_quiet()
        assert settings() == before
        with contextlib.suppress(ZeroDivisionError), quiet_libraries("diffusers"):
            raise ZeroDivisionError
        assert settings() == before
    finally:
        hub.enable_progress_bars()


def test_blocks_of_several_threads_may_overlap() -> None:
    before = settings()
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with quiet_libraries("diffusers"):
            entered.set()
            leave.wait()

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with quiet_libraries("transformers"):
        leave.set()
        thread.join()
        assert logging.getLogger("diffusers").level == logging.CRITICAL
    assert settings() == before
