"""The command `cfgsweep`, also as `python -m cfgsweep`: signals are handled before anything else is imported."""

from __future__ import annotations

import sys

from cfgsweep.system import signals


def main() -> None:
    """The entry point of the console script."""
    signals.listen()
    try:
        from cfgsweep.cli import command_line

        code = command_line()
    except BaseException:  # an interrupted import may raise anything
        if not signals.received():
            raise
        code = signals.say_stopped()
    signals.end_at_once()
    sys.exit(code)


if __name__ == "__main__":
    main()
