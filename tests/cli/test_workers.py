"""The command line's part in serving from several processes: when there is a supervisor."""

from __future__ import annotations

import pytest

from costrel.cli.plan import ServePlan
from costrel.cli.workers import needs_supervisor
from costrel.server import ServerSettings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(ServerSettings(), False, id="one-process-stands-alone"),
        pytest.param(ServerSettings(workers=2), True, id="several-are-looked-after"),
        pytest.param(ServerSettings(max_requests=1000), True, id="one-that-is-replaced-too"),
    ],
)
def test_a_supervisor_is_there_when_somebody_has_to_start_processes(settings: ServerSettings, expected: bool) -> None:
    """Else there is one process, and nothing above it."""

    assert expected == needs_supervisor(ServePlan(settings=settings))
