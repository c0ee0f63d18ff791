"""The reference: what is made of the code is fresh, and what it claims about the order of things is true."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from costrel import App, Request, Response, after_response
from costrel.messages import Dispatch

ROOT = Path(__file__).parent.parent.parent


def test_generated_pages_are_fresh() -> None:
    """Settings, events, commands and the list of errors are what the code says."""
    command = [sys.executable, str(ROOT / "scripts" / "reference_pages.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert (0, "") == (result.returncode, result.stdout + result.stderr)


def documented_phases() -> list[str]:
    """Return the names of the phases in the order of the page."""
    text = (ROOT / "docs" / "reference" / "lifecycle.md").read_text("utf-8")
    return re.findall(r"^\d+\. \*\*(.+?)\*\*", text, re.MULTILINE)


class Order(msgspec.Struct):
    """A body."""

    item: str


class Transaction:
    """A value of the handler lifetime."""


class Lease:
    """A value of the response lifetime."""


def trace_one_request(is_sync: bool) -> list[str]:
    """Send a request through an application that notes every phase, and return the notes."""
    phases: list[str] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        phases.append("layer in")
        response = await call_next(request)
        phases.append("layer out")
        return response

    app = App(use=[layer], extensions=())

    def noting(phase: str) -> Callable[[Mapping[str, object]], None]:
        return lambda fields: phases.append(phase)

    for event, phase in {
        "request_started": "started",
        "request_matched": "matched",
        "response_ready": "ready",
        "request_finished": "finished",
    }.items():
        app.on(event, noting(phase))

    def open_transaction() -> Iterator[Transaction]:
        phases.append("provide")
        yield Transaction()
        phases.append("handler exit")

    async def open_lease() -> AsyncIterator[Lease]:
        yield Lease()
        phases.append("response exit")

    app.provide(Transaction, open_transaction)
    app.provide(Lease, open_lease, lifetime="response")

    @app.before_request
    async def before() -> None:
        phases.append("before")

    @app.after_request
    async def after(response: Response) -> Response:
        phases.append("after")
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        phases.append("teardown")

    def work(order: Order, transaction: Transaction, lease: Lease, request: Request) -> str:
        phases.append("handler")
        after_response(phases.append, "after response")
        return order.item

    if is_sync:
        app.add_route("/orders", work, methods=["POST"])
    else:

        async def work_on_the_loop(order: Order, transaction: Transaction, lease: Lease, request: Request) -> str:
            return work(order, transaction, lease, request)

        app.add_route("/orders", work_on_the_loop, methods=["POST"])

    def content() -> Iterator[bytes]:
        phases.append("body")
        yield b'{"item": "tea"}'

    with app.test_client() as client:
        answer = client.post("/orders", content=content(), headers={"content-type": "application/json"})
        assert answer.text == "tea"
    return phases


@pytest.mark.capability("C066")
@pytest.mark.parametrize("is_sync", [pytest.param(True, id="in-a-thread"), pytest.param(False, id="on-the-loop")])
def test_a_request_goes_through_the_documented_phases(is_sync: bool) -> None:
    """The trace of a request is the list of the page; what the server sends is not seen from inside."""
    expected = [phase for phase in documented_phases() if phase != "sent"]

    assert len(expected) >= 6
    assert expected == trace_one_request(is_sync)
