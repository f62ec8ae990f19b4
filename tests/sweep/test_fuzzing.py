"""Arbitrary sweep files: each gives a sweep or a UserError, no other exception, and in bounded time and memory.

CFGSWEEP_TEST_EXAMPLES=100000 makes hypothesis try more; `python -m tests.fuzz.sweeps` tries raw bytes until it is
stopped.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from cfgsweep.config.yaml_io import Document
from cfgsweep.engine.cost import cost
from cfgsweep.errors import UserError
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep, schema
from tests.support.json_schema_strategies import of_schema

EXAMPLES = int(os.environ.get("CFGSWEEP_TEST_EXAMPLES", "200"))
MOST = 2000  # experiments that are expanded; larger sweeps are only read


def plan(sweep: Sweep, document: Document) -> None:
    if math.prod(len(sweep.axis(name)) for name in sweep.axes) <= MOST:
        experiments = expand(sweep, document)
        assert cost(experiments).evaluations <= cost(experiments).unshared
        cautions(experiments)


@pytest.mark.parametrize("wrong", [0, 30])
def test_the_schema_and_the_reader_agree_and_nothing_else_happens(tmp_path: Path, wrong: int) -> None:
    """What reads as a sweep is allowed by the schema; what the schema allows is a sweep or a UserError."""
    whole, path, seen = schema(), tmp_path / "sweep.yaml", {"sweeps": 0, "errors": 0}
    checker = jsonschema.Draft202012Validator(whole)
    # Without diffusers' guiders and users' files, whose names the schema does not know.
    ours = {name: whole["$defs"][name]["anyOf"][0] for name in ("Guider", "Schedule")}

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(of_schema(whole, wrong, **ours))
    def check(document: Any) -> None:
        if isinstance(document, dict):
            document = {**document, "name": "f", "model": "emoji", "prompt": "a cat"}
            document.pop("label", None)
        path.write_text(yaml.safe_dump(document, allow_unicode=True))
        try:
            sweep, read = read_sweep(path)
            plan(sweep, read)
        except UserError:
            seen["errors"] += 1
        else:
            seen["sweeps"] += 1
            checker.validate(document)

    check()
    assert min(seen.values()) > EXAMPLES / 20, f"{seen}: one-sided: the test shows little"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["sweeps", "readers"])
def test_raw_bytes(what: str, tmp_path: Path) -> None:
    """A short run of `python -m tests.fuzz.sweeps`, and of `tests.fuzz.readers`."""
    pytest.importorskip("atheris", reason="there is no atheris for this machine")
    # Started by a shell: a child of this process would begin with its peak memory, which libFuzzer limits.
    shell = ["sh", "-c", '"$@"; exit $?', "sh"]
    # libFuzzer writes slow inputs into the working folder otherwise.
    limits = ["-runs=3000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    command = [*shell, sys.executable, "-m", f"tests.fuzz.{what}", *limits]
    fuzzed = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2])
    assert fuzzed.returncode == 0, fuzzed.stderr[-3000:]
    assert "Done 3000 runs" in fuzzed.stderr
