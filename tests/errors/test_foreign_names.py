from __future__ import annotations

import pytest

from costrel import App
from costrel.errors.foreign_names import _TABLES, explain_foreign_name, is_foreign_name
from costrel.messages import Request, Response, WebSocket

CLASSES = {class_.__name__: class_ for class_ in (App, Request, Response, WebSocket)}


@pytest.mark.parametrize(
    ("class_name", "name", "expected"),
    [
        ("Request", "args", "`request.args` is `request.query` here."),
        ("Request", "get_json", "`request.get_json` is `request.json()` here."),
        ("Response", "set_data", "`response.set_data` is `response.body = ...`, in bytes here."),
        ("WebSocket", "send_text", "`socket.send_text` is `await socket.send(message)` here."),
        ("costrel", "render_template", "`costrel.render_template` is `costrel.render` here."),
        ("App", "include_router", "`app.include_router` is `app.register(blueprint, prefix=...)` here."),
        ("Request", "zzzz", "'Request' object has no attribute 'zzzz'"),
        ("Request", "__html__", "'Request' object has no attribute '__html__'"),
        ("Other", "args", "'Other' object has no attribute 'args'"),
    ],
)
def test_a_name_is_explained(class_name, name, expected):
    """A foreign name says what it is called here."""
    assert expected == explain_foreign_name(class_name, name)


@pytest.mark.parametrize("class_name", CLASSES)
def test_every_row_is_an_attribute_that_explains_itself(class_name):
    """Asking for it, of the class or of an object, raises with the sentence; no row hides a name that exists."""
    class_ = CLASSES[class_name]
    for name in _TABLES[class_name]:
        with pytest.raises(AttributeError) as raised:
            getattr(class_, name)
        assert explain_foreign_name(class_name, name) == str(raised.value)


def test_foreign_names_are_not_offered():
    """Neither `hasattr` nor `dir` of an object knows them, what a subclass makes of them both do."""

    class FlaskLike(Response):
        mimetype = "text/plain"

    response = FlaskLike()

    assert not hasattr(response, "set_data")
    assert {"body", "mimetype"} == {"set_data", "body", "mimetype"} & set(dir(response))


def test_a_foreign_name_is_told_from_a_misspelt_one():
    """Only what another framework has is foreign."""
    asked = [("App", "secret_key"), ("App", "secret_kee"), ("Other", "secret_key")]

    assert [True, False, False] == [is_foreign_name(*each) for each in asked]


def test_the_tables_are_large():
    """At least sixty names of other frameworks are known."""
    assert sum(map(len, _TABLES.values())) >= 60
