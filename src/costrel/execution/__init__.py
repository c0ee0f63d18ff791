"""Where and how the code of a request runs: worker threads, deadlines, and what follows a response.

`Lane` is a bounded pool of threads, `hop` takes one synchronous step of a request into it and its context variables
along. `Claim` and `run_with_deadline` decide between an answer in time and an abandoned request. `Supervisor` runs
work after responses, `Watchdog` names what blocks the loop, and `LoopState` holds all that is bound to one loop.

Nothing here knows what a request or a response is.
"""

from __future__ import annotations

from costrel.execution.caller import Caller
from costrel.execution.claim import Claim, Outcome
from costrel.execution.deadlines import DeadlineExceeded, cancel_claimed, run_with_deadline
from costrel.execution.lane_job import LaneJob
from costrel.execution.lanes import Lane
from costrel.execution.loop_state import ExecutionSettings, LoopState
from costrel.execution.run_profile import RunProfile
from costrel.execution.stats import ExecutionStats, LaneStats
from costrel.execution.supervisor import Supervisor, Work
from costrel.execution.watchdog import Watchdog
from costrel.execution.worker_context import WorkerContext, hop

__all__ = [
    "Caller",
    "Claim",
    "DeadlineExceeded",
    "ExecutionSettings",
    "ExecutionStats",
    "Lane",
    "LaneJob",
    "LaneStats",
    "LoopState",
    "Outcome",
    "RunProfile",
    "Supervisor",
    "Watchdog",
    "Work",
    "WorkerContext",
    "cancel_claimed",
    "hop",
    "run_with_deadline",
]
