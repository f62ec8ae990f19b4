"""Another kind of device than this process's: a CPU whose vector instructions are not used."""

from __future__ import annotations

import os

import pytest
import torch

HERE = torch.backends.cpu.get_cpu_capability()
ENVIRONMENT = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
OTHER = "DEFAULT"  # the capability of a process with this environment

has_another_kind = pytest.mark.skipif(HERE == OTHER, reason="this CPU has one kind of instructions")
