"""The tour without a browser: every page answers, and what it needs of no server works."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from costrel import App
from costrel.testing import TestClient

TOUR = Path(__file__).parent.parent.parent / "examples" / "tour" / "app.py"
KEY = "a key for the tests alone"


@pytest.fixture
def tour(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a tour that nobody has visited."""
    monkeypatch.setenv("COSTREL_SECRET_KEY", KEY)
    spec = importlib.util.spec_from_file_location("tour_of_the_tests", TOUR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    with cast("App", module.app).test_client(raise_app_exceptions=False) as client:
        yield client


def test_every_stop_is_a_page(tour: TestClient) -> None:
    """The front page links to each stop, and each shows its own code."""
    front = tour.get("/")
    stops = front.context["stops"]

    assert front.status_code == 200
    for stop in cast("tuple[object, ...]", stops):
        url = cast("App", tour.application).url_for(str(vars(stop)["name"]))
        page = tour.get(url, headers={"accept": "text/html"})
        assert (url, page.status_code) == (url, 200)
        assert f'href="{url}"' in front.text
        assert "The code of this page" in page.text


def test_the_layer_times_every_answer(tour: TestClient) -> None:
    """Errors have the header field of the layer too."""
    answers = [tour.get(path) for path in ("/", "/nowhere", "/errors/crash", "/errors/tea", "/static/tour.css")]

    assert [200, 404, 500, 418, 200] == [answer.status_code for answer in answers]
    assert all(answer.headers["server-timing"].startswith("app;dur=") for answer in answers)


def test_a_crash_rolls_the_entry_back(tour: TestClient) -> None:
    """The provider commits when the handler succeeds, and not otherwise."""
    tour.post("/guestbook", data={"name": "Ann", "message": "I stayed"})
    crashed = tour.post("/guestbook", data={"name": "Bo", "message": "I did not", "crash": "true"})
    page = tour.get("/guestbook").text

    assert crashed.status_code == 500
    assert "I stayed" in page
    assert "I did not" not in page


def test_only_pictures_are_taken(tour: TestClient) -> None:
    """A file of another type is refused at its field."""
    files = {"picture": ("page.html", b"<script>", "text/html")}
    answer = tour.post("/guestbook", data={"name": "Ann", "message": "A page"}, files=files)

    assert answer.status_code == 422
    assert 'id="picture-error"' in answer.text


def test_the_chat_tells_everybody(tour: TestClient) -> None:
    """A message reaches both sides, and so does a farewell."""
    with tour.websocket("/chat/socket?name=Ann") as ann:
        assert ann.receive_text() == "Ann came in"
        with tour.websocket("/chat/socket?name=Bo") as bo:
            assert (ann.receive_text(), bo.receive_text()) == ("Bo came in", "Bo came in")
            bo.send_text("hello")
            assert (ann.receive_text(), bo.receive_text()) == ("Bo: hello", "Bo: hello")
        assert ann.receive_text() == "Bo left"


def test_events_come_at_once(tour: TestClient) -> None:
    """The first event does not wait for the clock."""
    with tour.stream("GET", "/live/events") as answer:
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == ["event: state", "id: 1"]


def test_the_extension_counts_answers(tour: TestClient) -> None:
    """A listener of `request_finished` sees every answer."""
    tour.get("/")
    tour.get("/nowhere")

    assert tour.get("/counted").json() == {"200": 1, "404": 1}
