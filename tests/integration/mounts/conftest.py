"""What the tests of mounts behind sockets share is importable: `served`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
