"""Handlers of both colours in decorators of both colours answer the same on every transport, WSGI included."""

from __future__ import annotations

import pytest
from transports.clients import Got, Sent
from transports.colours import DECORATIONS
from transports.running import NATIVE, TRANSPORTS, running

pytestmark = pytest.mark.integration

COLOURS = ("def", "async-def")
TABLE: dict[str, Sent] = {
    **{
        f"{colour}-{decoration}": Sent("GET", f"/{colour}/{decoration}/w?count=2", 200)
        for colour in COLOURS
        for decoration in DECORATIONS
    },
    "a-value-that-does-not-fit": Sent("GET", "/def/async/w?count=x", 422),
    "a-generator": Sent("GET", "/stream", 200),
    "an-asynchronous-generator": Sent("GET", "/stream-later", 200),
    "a-def-error-handler": Sent("GET", "/conflict", 409),
    "an-async-def-error-handler": Sent("GET", "/nothing", 404),
    "a-task-begins": Sent("GET", "/begin", 200),
    "the-task-lives-in-a-later-request": Sent("GET", "/end", 200),
}
WORDS = {"bare": "w", "sync": "sw", "async": "aw", "sync-around-async": "asw", "async-around-sync": "saw"}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Got]]:
    """What each transport makes of each request."""
    found: dict[str, dict[str, Got]] = {}
    folder = tmp_path_factory.mktemp("colours")
    for transport in TRANSPORTS:
        with running(transport, "colours", folder) as application:
            found[transport] = {name: application.send(sent) for name, sent in TABLE.items()}
    return found


@pytest.mark.capability("C177")
@pytest.mark.pain("P27")
@pytest.mark.parametrize("name", TABLE)
def test_handlers_of_both_colours_answer_the_same_everywhere(name: str, answers: dict[str, dict[str, Got]]) -> None:
    """No decorator has to know which colour it decorates, and no transport makes another result of it."""
    expected = answers[NATIVE][name]

    assert TABLE[name].status_code == expected.status_code
    for transport in TRANSPORTS:
        assert (transport, expected) == (transport, answers[transport][name])


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("decoration", DECORATIONS)
def test_the_decorators_have_run(colour: str, decoration: str, answers: dict[str, dict[str, Got]]) -> None:
    """The comparison would pass if no decorator ran, so what they do is written down."""
    got = answers[NATIVE][f"{colour}-{decoration}"]
    word = WORDS[decoration] * 2

    assert (
        b'{"word":"%b","path":"/%b/%b/w","given":["Plain","Asynchronous"]}'
        % (word.encode(), colour.encode(), decoration.encode())
    ) == got.body
    assert ("x-seen", "def, async def") in got.headers


@pytest.mark.pain("P27")
def test_one_loop_lives_as_long_as_the_process(answers: dict[str, dict[str, Got]]) -> None:
    """What a request has begun on the loop, a later one finds running, under WSGI too."""
    assert [b'{"same loop":true,"task":true}'] * len(TRANSPORTS) == [
        answers[transport]["the-task-lives-in-a-later-request"].body for transport in TRANSPORTS
    ]
