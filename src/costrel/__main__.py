"""``python -m costrel``: the same as the command ``costrel``."""

from __future__ import annotations

from costrel.cli import main

if __name__ == "__main__":
    main()
