"""The command line. Every command calls the function of the same name in `cfgsweep` and prints what it returns.

Those functions import what they need when they are called, so that --help is quick.
"""

from cfgsweep.cli.main import app, command_line, run_command

__all__ = ["app", "command_line", "run_command"]
