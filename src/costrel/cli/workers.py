"""`costrel run --workers N`: the process above the workers, which never imports the application.

It prints the four lines once, and why a worker could not start. What a worker does is in `worker`, and how workers are
kept running is the server's business.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from costrel.cli.logs import announce_start, set_up_logging
from costrel.cli.plan import ServePlan
from costrel.cli.serving import highlight
from costrel.cli.terminal import Paint
from costrel.server import supervise

__all__ = ["needs_supervisor", "serve_with_workers"]


def needs_supervisor(plan: ServePlan) -> bool:
    """Whether somebody has to start processes: there are several, or the only one is replaced now and then."""
    return plan.settings.workers > 1 or plan.settings.max_requests > 0


def serve_with_workers(plan: ServePlan) -> int:
    """Serve an application from several processes until a signal comes; return the exit code.

    Raises:
        OSError: the address cannot be bound.
        ConfigurationError: it cannot listen where the settings say.
    """
    set_up_logging(sys.stderr, readable=plan.debug)

    def announce(addresses: Sequence[str], details: Mapping[str, Any]) -> None:  # a JSON object
        tell = announce_start(dataclasses.replace(plan, debug=details["debug"]), details["threads"], sys.stderr)
        for address in addresses:
            tell(address)

    return supervise(plan.settings, _launch, plan.to_json(), announce, _tell_failure)


def _launch(line: int, sockets: list[int]) -> subprocess.Popen[bytes]:
    """Start a worker; -P keeps modules of the working directory from taking the place of the standard library's."""
    command = [sys.executable, "-P", "-m", "costrel.cli.worker", str(line), ",".join(map(str, sockets))]
    return subprocess.Popen(command, pass_fds=(line, *sockets), process_group=0)


def _tell_failure(reason: str) -> None:
    print(highlight(reason, Paint(sys.stderr)), file=sys.stderr, flush=True)
