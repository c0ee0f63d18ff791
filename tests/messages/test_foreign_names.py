from __future__ import annotations

import pytest

from costrel.messages import Request, Response, WebSocket
from costrel.messages.foreign_names import _OWN, _TABLES, explain_foreign_name, is_foreign_name


@pytest.mark.parametrize(
    ("class_name", "name", "expected"),
    [
        ("Request", "args", "`request.args` is `request.query` here."),
        ("Request", "get_json", "`request.get_json` is `request.json()` here."),
        ("Response", "set_data", "`response.set_data` is `response.body = ...`, in bytes here."),
        ("WebSocket", "send_text", "`socket.send_text` is `await socket.send(message)` here."),
        ("costrel", "render_template", "`costrel.render_template` is `costrel.render` here."),
        ("App", "include_router", "`app.include_router` is `app.register(blueprint, prefix=...)` here."),
        ("Request", "hedaers", "'Request' object has no attribute 'hedaers'; is `headers` meant?"),
        ("Request", "zzzz", "'Request' object has no attribute 'zzzz'"),
        ("Request", "__html__", "'Request' object has no attribute '__html__'"),
        ("Other", "args", "'Other' object has no attribute 'args'"),
    ],
)
def test_a_name_is_explained(class_name, name, expected):
    """A foreign name says what it is called here, an unknown one which is nearest."""
    assert expected == explain_foreign_name(class_name, name)


def test_no_row_explains_a_name_that_exists():
    """The table is asked only for names that are missing, so it holds none that are there."""
    assert set() == {name for name in _TABLES["Request"] if hasattr(Request, name)}
    assert set() == {name for name in _TABLES["Response"] if hasattr(Response, name)}
    assert set() == {name for name in _TABLES["WebSocket"] if hasattr(WebSocket, name)}
    assert all(not set(rows) & set(_OWN.get(class_name, "").split()) for class_name, rows in _TABLES.items())


def test_a_foreign_name_is_told_from_a_misspelt_one():
    """Only what another framework has is foreign."""
    asked = [("App", "secret_key"), ("App", "secret_kee"), ("Other", "secret_key")]

    assert [True, False, False] == [is_foreign_name(*each) for each in asked]


def test_the_nearest_names_exist():
    """What is offered as the right spelling of a request's or response's name is one."""
    lazy = set(Request.__slots__)

    assert [] == [name for name in _OWN["Request"].split() if not hasattr(Request, name) and name not in lazy]
    assert [] == [n for n in _OWN["Response"].split() if not hasattr(Response, n) and n not in Response.__slots__]


def test_the_tables_are_large():
    """At least sixty names of other frameworks are known."""
    assert sum(map(len, _TABLES.values())) >= 60
