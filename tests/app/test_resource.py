"""Resources: the methods of a class as handlers."""

from __future__ import annotations

import pytest

from costrel.app import App, Resource
from costrel.errors import ConfigurationError
from costrel.testing import TestClient


class Users(Resource):
    """Two methods and one that is no method."""

    def __init__(self, greeting: str = "user") -> None:
        self.greeting = greeting

    async def get(self, id: int) -> str:
        return f"{self.greeting} {id}"

    def delete(self, id: int) -> None: ...

    def rename(self) -> None: ...


@pytest.mark.capability("C018")
@pytest.mark.parametrize("resource", [Users, Users("user")], ids=["a-class-is-made-once", "an-object-is-used"])
def test_methods_answer_the_methods_of_their_names(resource: type[Users] | Users) -> None:
    """A method that exists answers, one that is missing is 405 with those that exist."""
    app = App("test", extensions=())
    app.add_resource("/users/{id}", resource)

    with TestClient(app) as client:
        assert "user 3" == client.get("/users/3").text
        assert 204 == client.delete("/users/3").status_code
        refused = client.post("/users/3")

    assert (405, "DELETE, GET, HEAD, OPTIONS") == (refused.status_code, refused.headers["allow"])


def test_a_resource_is_named_like_its_class() -> None:
    """All methods share one name, which `url_for` finds."""

    class OrderItems(Users): ...

    app = App("test", extensions=())
    app.add_resource("/items/{id}", OrderItems)
    app.add_resource("/users/{id}", Users, name="people")

    assert ("/items/1", "/users/2") == (app.url_for("order_items", id=1), app.url_for("people", id=2))


@pytest.mark.parametrize("wrong", [Resource, object()], ids=["no-methods", "no-resource"])
def test_what_answers_nothing_is_refused(wrong: object) -> None:
    """A class with ``def GET`` or without methods would answer 405 for ever."""
    app = App("test", extensions=())

    with pytest.raises(ConfigurationError) as caught:
        app.add_resource("/x", wrong)

    assert "COS-APP-035" == caught.value.code
