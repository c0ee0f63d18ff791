"""What the tests of sessions on servers share is importable: the processes are in `session_process`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
