"""Another kind of device than this process's: a CPU whose vector instructions are not used."""

from __future__ import annotations

import os

import pytest
import torch

HERE = torch.backends.cpu.get_cpu_capability()
VARIABLES = {"ATEN_CPU_CAPABILITY": "default"}
ENVIRONMENT = {**os.environ, **VARIABLES}
OTHER = "DEFAULT"  # the capability of a process with this environment

has_another_kind = pytest.mark.skipif(HERE == OTHER, reason="this CPU has one kind of instructions")
