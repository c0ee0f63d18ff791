"""What an application may rely on when values of clients are checked."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from costrel import App, Blueprint, Cookie, Request, ValidationFailed
from costrel.testing import TestClient


class Account(msgspec.Struct):
    """What an API takes."""

    name: str
    age: int


class Signup(msgspec.Struct):
    """What a form has."""

    user: str
    years: int


@pytest.mark.capability("C056")
def test_the_format_of_validation_errors_is_replaced_in_one_place() -> None:
    """One error handler writes them for every route and every source, and a blueprint may have its own."""
    app, part = App("test", extensions=()), Blueprint("part", prefix="/part")

    @app.errorhandler(ValidationFailed)
    async def as_list(error: ValidationFailed) -> tuple[dict[str, object], int]:
        return {"fields": [f"{item['in']} {item['at']}" for item in error.errors]}, 400

    @part.errorhandler(ValidationFailed)
    def as_count(error: ValidationFailed) -> dict[str, object]:
        return {"wrong": len(error.errors)}

    async def create(account: Account, page: int, verbose: bool) -> str:
        return "x"

    app.add_route("/", create, methods=["POST"])
    part.add_route("/", create, methods=["POST"])
    app.register(part)

    with TestClient(app) as client:
        own, others = (client.post(f"{path}?page=x&verbose=x", json={"age": "x"}) for path in ("/", "/part/"))

    assert (400, {"fields": ["query page", "query verbose", "body $.age", "body $.name"]}) == (
        own.status_code,
        {"fields": sorted(own.json()["fields"], key=lambda field: (field.startswith("body"), field))},
    )
    assert (422, {"wrong": 4}) == (others.status_code, others.json())


@pytest.mark.capability("X21")
@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        pytest.param({"visits": "3"}, (200, [3, "light"]), id="a-good-value"),
        pytest.param({"visits": "3", "theme-name": "dark"}, (200, [3, "dark"]), id="with-an-alias"),
        pytest.param({"visits": "many"}, (422, ["visits"]), id="a-bad-value"),
        pytest.param({"theme-name": "dark"}, (422, ["visits"]), id="a-missing-one"),
        pytest.param(
            {"visits": "0", "theme-name": "x" * 21}, (422, ["theme-name", "visits"]), id="all-errors-together"
        ),
    ],
)
def test_cookies_are_checked_by_their_types(cookies: dict[str, str], expected: tuple[int, list[object]]) -> None:
    """A cookie parameter is converted and constrained like any other; its errors name the cookie."""
    app = App("test", extensions=())

    @app.get("/")
    async def index(
        visits: Annotated[int, msgspec.Meta(ge=1), Cookie()],
        theme: Annotated[str, msgspec.Meta(max_length=20), Cookie("light", alias="theme-name")],
    ) -> list[object]:
        return [visits, theme]

    with TestClient(app) as client:
        response = client.get("/", cookies=cookies)

    if response.status_code == 200:
        assert expected == (200, response.json())
    else:
        errors = response.json()["errors"]

        assert expected == (response.status_code, sorted(error["at"] for error in errors))
        assert {"cookie"} == {error["in"] for error in errors}


@pytest.mark.capability("X23")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"json": {"name": "Ann", "age": 3}}, (200, "Ann 3"), id="json"),
        pytest.param({"data": {"user": "Ann", "years": "3"}}, (200, "form Ann 3"), id="a-form"),
        pytest.param({"json": {"user": "Ann", "years": 3}}, (422, "$.name"), id="json-with-the-fields-of-the-form"),
        pytest.param({"data": {"name": "Ann", "age": "3"}}, (422, "user"), id="a-form-with-the-fields-of-json"),
    ],
)
def test_each_media_type_has_a_schema_of_its_own(options: dict[str, object], expected: tuple[int, str]) -> None:
    """Two handlers of one path are told apart by the type of the content."""

    def is_form(request: Request) -> bool:
        return request.content_type == "application/x-www-form-urlencoded"

    app = App("test", extensions=())

    @app.post("/accounts")
    async def create(account: Account) -> str:
        return f"{account.name} {account.age}"

    @app.post("/accounts", when=is_form)
    async def sign_up(signup: Signup) -> str:
        return f"form {signup.user} {signup.years}"

    with TestClient(app) as client:
        response = client.post("/accounts", **options)  # type: ignore[arg-type]

    assert expected[0] == response.status_code
    assert expected[1] in response.text


@pytest.mark.capability("N27")
def test_the_signature_is_the_only_declaration() -> None:
    """Path, query, cookie and body are read, converted and checked by what the hints say."""
    app = App("test", extensions=())

    @app.put("/accounts/{id}")
    async def store(id: int, account: Account, tags: list[str], dry: bool = False) -> dict[str, object]:
        return {"id": id, "account": account, "tags": tags, "dry": dry}

    with TestClient(app) as client:
        good = client.put("/accounts/7?tags=a&tags=b&dry=1", json={"name": "Ann", "age": 3})
        wrong = client.put("/accounts/7?dry=x", json={"name": 1})
        missing = client.put("/accounts/x", json={})

    assert {"id": 7, "account": {"name": "Ann", "age": 3}, "tags": ["a", "b"], "dry": True} == good.json()
    assert {("query", "tags"), ("query", "dry"), ("body", "$.name"), ("body", "$.age")} == {
        (error["in"], error["at"]) for error in wrong.json()["errors"]
    }
    assert (422, 404) == (wrong.status_code, missing.status_code)
