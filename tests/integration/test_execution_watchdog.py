"""The watchdog beside a loop that is really blocked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
import uvloop

from costrel.execution import Watchdog

pytestmark = pytest.mark.integration


def slow_query() -> None:
    time.sleep(0.3)


async def show_order() -> None:
    slow_query()


@pytest.mark.pain("P3")
@pytest.mark.parametrize(
    "loop_factory",
    [
        pytest.param(asyncio.new_event_loop, id="asyncio"),
        pytest.param(uvloop.new_event_loop, id="uvloop"),
    ],
)
def test_a_blocking_call_in_a_coroutine_is_named_once(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], caplog: pytest.LogCaptureFixture
) -> None:
    """One warning with the line that blocks and the coroutine it is called from; an idle loop has none."""

    async def main() -> None:
        watchdog = Watchdog()
        watchdog.start(asyncio.get_running_loop())
        await asyncio.sleep(0.3)
        await asyncio.create_task(show_order())
        await asyncio.sleep(0.1)
        watchdog.stop()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())

    [message] = [record.getMessage() for record in caplog.records if record.name == "costrel.watchdog"]
    blocked_line = slow_query.__code__.co_firstlineno + 1
    called_line = show_order.__code__.co_firstlineno + 1
    assert f"function=slow_query at={__file__}:{blocked_line} " in message
    assert f"called_from=show_order at={__file__}:{called_line} " in message
    assert message.startswith("loop_blocked blocked_seconds=0.1")
