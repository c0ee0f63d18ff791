"""CPU time and memory of a server and its children, from ``/proc``, and the cores both sides are pinned to.

The CPU time is what the kernel has counted for every process of the tree, user and system together. It does not change
with what else the machine does, as seconds on the wall do, though a busy neighbour costs everybody some cache.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["core_busy_seconds", "cpu_seconds", "load_core", "process_tree", "resident_bytes", "server_core"]

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_CORES = sorted(os.sched_getaffinity(0))


def server_core() -> int:
    """Return the core that servers are pinned to."""
    return _CORES[0]


def load_core() -> int:
    """Return the core that makes the load; the servers' when there is only one."""
    return _CORES[-1]


def _fields(pid: int) -> list[str] | None:
    """Return the fields of a process behind its name, from its state on; `None` when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def process_tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def cpu_seconds(root: int) -> float:
    """Return the user and system time of a process tree, ended children that were waited for included."""
    ticks = sum(sum(map(int, fields[11:15])) for pid in process_tree(root) if (fields := _fields(pid)) is not None)
    return ticks / _TICKS_PER_SECOND


def resident_bytes(root: int) -> int:
    """Return the memory of a process tree; pages that several of its processes share count in each."""
    pages = sum(int(fields[21]) for pid in process_tree(root) if (fields := _fields(pid)) is not None)
    return pages * _PAGE_BYTES


def core_busy_seconds(core: int) -> float:
    """Return how long a core has done anything at all, for anybody."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, interrupts, soft_interrupts = map(int, ticks[:7])
            return (user + nice + system + interrupts + soft_interrupts) / _TICKS_PER_SECOND
    return 0.0
