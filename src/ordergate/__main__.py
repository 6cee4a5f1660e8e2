"""``python -m ordergate`` is ``ordergate``."""

from ordergate.cli import main

main()
