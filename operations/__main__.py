"""``python -m operations`` is ``pxlctl``."""

from operations.cli import main

main()
