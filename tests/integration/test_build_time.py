"""How long an application with many routes takes to be put together."""

from __future__ import annotations

import time

import pytest

from costrel.app import App, Blueprint


@pytest.mark.integration
@pytest.mark.pain("P25")
def test_a_thousand_routes_are_built_in_time_that_nobody_notices() -> None:
    """About half a second is measured; the best of three runs counts, with room for a slow machine."""
    seconds: list[float] = []
    for _ in range(3):
        app = _app_with_a_thousand_routes()
        begin = time.process_time()
        app.build()
        seconds.append(time.process_time() - begin)
        assert 1000 == len(app.endpoints)

    assert min(seconds) < 2


def _app_with_a_thousand_routes() -> App:
    app = App("test", extensions=())
    for part_number in range(10):
        part = Blueprint(f"part{part_number}", prefix=f"/part{part_number}")
        for number in range(100):

            async def handler(id: int, page: int = 1) -> str:
                return "x"

            part.add_route(f"/route{number}/{{id}}", handler, name=f"route{number}")
        app.register(part)
    return app
