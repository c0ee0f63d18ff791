"""Server-sent events as a browser takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
APP = Path(__file__).parent / "events_app.py"


@pytest.mark.capability("C041")
def test_a_browser_that_comes_back_misses_nothing(serve: Any, visitor: Any) -> None:
    """`EventSource` connects again after each end and names its last event, until 204 tells it to stop."""
    with serve(app=APP) as address:
        visitor.visit(address + "/")
        visitor.page.wait_for_function("document.title === 'Closed'")

        lines = visitor.page.locator("li").all_text_contents()

    assert [f"{number}: line\n{number} – é" for number in range(1, 10)] == lines
    assert ([], []) == (visitor.console_errors, visitor.strangers)
