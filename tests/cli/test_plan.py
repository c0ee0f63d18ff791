"""The plan of a serving process: what is passed from one process to the next."""

from __future__ import annotations

import pytest
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


def test_a_secret_goes_to_another_process_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text may stand on a command line, which everybody on the machine can read."""
    monkeypatch.setenv("COSTREL_TLS_KEY_PASSWORD", "correct horse")
    plan = ServePlan(
        settings=ServerSettings(
            tls_certificate_path="c.pem", tls_key_password="correct horse", proxy_protocol_networks=("::1",)
        )
    )

    assert "correct horse" not in plan.to_json()
    assert plan == ServePlan.from_json(plan.to_json())
