"""`python -m cfgsweep`."""

from cfgsweep.cli import main

main()
