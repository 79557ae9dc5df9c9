"""`python -m arbkit` is the `arbkit` command."""

from __future__ import annotations

import sys

from arbkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
