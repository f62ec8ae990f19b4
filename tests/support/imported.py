"""Imports what commands import, and computes nothing: the server of `commands.forked` does so once."""

import importlib
import pkgutil

import cfgsweep

for module in pkgutil.walk_packages(cfgsweep.__path__, "cfgsweep."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
