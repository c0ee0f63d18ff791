"""The plan of a serving process: what is passed from one process to the next."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from costrel.cli.plan import ServePlan
from costrel.server import ServerSettings


@settings(max_examples=60, deadline=None)
@given(
    app=st.none() | st.text(),
    port=st.integers(0, 65535),
    threads=st.none() | st.integers(1, 500),
    debug=st.booleans(),
    reason=st.text(),
    since=st.floats(0, 1e9),
)
def test_a_plan_survives_the_way_to_another_process(
    app: str | None, port: int, threads: int | None, debug: bool, reason: str, since: float
) -> None:
    """What `to_json` writes, `from_json` reads."""
    plan = ServePlan(
        app=app,
        settings=ServerSettings(port=port, uds="/tmp/a"),
        threads=threads,
        debug=debug,
        reloads=not debug,
        reason=reason,
        since=since,
    )

    assert plan == ServePlan.from_json(plan.to_json())
