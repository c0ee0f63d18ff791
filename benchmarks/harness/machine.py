"""What the figures were measured on, without the name of the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from harness.contenders import Contender
from harness.environments import Environments
from harness.load import CONNECTIONS
from harness.record import About, Machine

__all__ = ["describe"]


def describe(contenders: list[Contender], environments: Environments, seconds: int, round_count: int) -> About:
    """Describe a run that is about to begin."""
    printed = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"wrk \S+", printed.stdout + printed.stderr)
    return About(
        date=time.strftime("%Y-%m-%d"),
        python=platform.python_version(),
        machine=machine(),
        generator=version[0] if version else "wrk",
        connections=CONNECTIONS,
        seconds=seconds,
        round_count=round_count,
        versions={contender.name: environments.versions_of(contender) for contender in contenders},
    )


def machine() -> Machine:
    """Describe this machine."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return Machine(
        processor=model[1] if model else platform.machine(),
        core_count=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        kernel=f"{platform.system()} {platform.release().partition('-')[0]}",
    )
