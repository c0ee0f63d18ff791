from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from costrel.app import App
from costrel.errors import ProgrammerError
from costrel.layers.idempotency_identity import identity_of
from costrel.messages import Request


@dataclass
class User:
    id: Any = None
    is_authenticated: bool = True


def identity(user: object = None, address: str | None = "192.0.2.1", **fields: str) -> str:
    """Return whose key it would be."""
    found: list[str] = []
    app = App("test")

    @app.post("/")
    async def look(request: Request) -> str:
        request.user = user
        request.client = (address, 1) if address is not None else None
        found.append(identity_of(request))
        return ""

    with app.test_client() as client:
        client.post("/", headers={name.replace("_", "-"): value for name, value in fields.items()})
    return found[0]


ALICE = {"authorization": "Bearer alice"}
SESSION = {"cookie": "session=alice"}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param({}, {}, True, id="address"),
        pytest.param({}, {"address": "192.0.2.2"}, False, id="another-address"),
        pytest.param({}, {"address": None}, False, id="no-address"),
        pytest.param(ALICE, {**ALICE, "address": "192.0.2.2"}, True, id="credential-moves"),
        pytest.param(ALICE, {"authorization": "Bearer bob"}, False, id="another-credential"),
        pytest.param(ALICE, {}, False, id="no-credential"),
        pytest.param({"x_api_key": "a"}, {"x_api_key": "b"}, False, id="api-key"),
        pytest.param({"x_api_key": "a"}, {"authorization": "a"}, False, id="api-key-is-no-authorization"),
        pytest.param(SESSION, {**SESSION, "address": "192.0.2.2"}, True, id="session-moves"),
        pytest.param(SESSION, {"cookie": "_ga=1.2; session=alice"}, True, id="other-cookies-beside-a-session"),
        pytest.param(SESSION, {"cookie": "session=bob"}, False, id="another-session"),
        pytest.param({"cookie": "login=alice"}, {"cookie": "login=bob"}, False, id="cookie-of-the-application"),
        pytest.param({**ALICE, **SESSION}, {**ALICE, "cookie": "session=bob"}, False, id="one-password-two-sessions"),
        pytest.param({"user": User(1), **SESSION}, {"user": User(1), "cookie": "session=new"}, True, id="user"),
        pytest.param({"user": User(1), **SESSION}, {"user": User(2), **SESSION}, False, id="another-user"),
        pytest.param({"user": User(1)}, {"user": User("1")}, False, id="number-is-no-text"),
        pytest.param({"user": {"id": 1}}, {"user": User(1)}, True, id="user-as-a-mapping"),
        pytest.param({"user": "alice"}, {"user": "bob"}, False, id="user-as-text"),
        pytest.param({"user": UUID(int=1)}, {"user": UUID(int=2)}, False, id="user-as-uuid"),
        pytest.param({"user": User(None, is_authenticated=False)}, {}, True, id="user-that-is-nobody"),
    ],
)
def test_two_clients_never_share_a_key(one: dict[str, Any], other: dict[str, Any], is_same: bool) -> None:
    """Everything that tells clients apart counts; what only changes from request to request does not."""
    assert is_same == (identity(**one) == identity(**other))


@pytest.mark.parametrize(
    "user",
    [object(), {}, User(None), User(True), User(b"1"), User(1.5)],
    ids=["object", "dict", "no-id", "true", "bytes", "float"],
)
def test_a_user_who_cannot_be_told_from_others_is_a_mistake(user: object) -> None:
    """It is not guessed at."""
    with pytest.raises(ProgrammerError) as caught:
        identity(user)

    assert "COS-LAYERS-050" == caught.value.mistake.code


def test_nothing_of_a_credential_can_be_read_in_it() -> None:
    """It may stand in a log of a store."""
    assert "alice" not in identity(**ALICE)
    assert 64 == len(identity(**ALICE))
