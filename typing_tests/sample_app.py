"""An application as a user writes it, checked strictly: nothing that the framework returns is `Any`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Annotated, assert_type

import msgspec

from costrel import (
    App,
    Blueprint,
    BodyStream,
    Depends,
    HTMLResponse,
    HTTPError,
    JSONResponse,
    NotFound,
    Query,
    Request,
    Resource,
    Response,
    Secret,
    Settings,
    StreamResponse,
    UploadFile,
    WebSocket,
    abort,
    after_response,
    redirect,
    safe_next,
    url_for,
)
from costrel.app import AppSettings, AppSetup, EndpointInfo, Extension, FrozenApp, Globals, Mount, State
from costrel.messages import Dispatch, LayerInfo, RouteView
from costrel.testing import AsyncTestClient, TestClient, TestResponse


class Shop(Settings, prefix="SHOP_"):
    """Typed settings."""

    database_url: Secret
    page_size: int = 20


class Database:
    """A service."""

    def find(self, order_id: int) -> Order | None:
        return None

    def close(self) -> None: ...


class Order(msgspec.Struct):
    """A body and an answer."""

    item: str
    count: int = 1


class OrderNotFound(NotFound):
    """An error of the application."""


class MyGlobals(Globals):
    """Typed values of one request."""

    user: str


class MyState(State):
    """Typed values of the running application."""

    database: Database


class ShopApp(App):
    """An application with typed attributes."""

    greeting: str = "hello"


app = ShopApp(__name__, settings=AppSettings(secret_key="0123456789abcdef"), g=MyGlobals, state=MyState())
orders = Blueprint("orders", prefix="/orders", text_as="json")


def connect(settings: Shop) -> Iterator[Database]:
    assert_type(settings.page_size, int)
    assert_type(settings.database_url.reveal(), str)
    database = Database()
    yield database
    database.close()


app.provide(Shop, Shop, lifetime="app")
app.provide(Database, connect, lifetime="app")


@app.lifespan
async def life(app: App) -> AsyncIterator[dict[str, object]]:
    yield {"database": Database()}


@app.on_start
def announce() -> None: ...


@app.before_request
def load_user(request: Request, values: MyGlobals) -> None:
    assert_type(request.cookies, Mapping[str, str])
    values.user = request.cookies.get("user", "nobody")
    assert_type(values.user, str)


@app.after_request
async def stamp(response: Response) -> Response:
    response.headers["x-app"] = "shop"
    return response


@app.errorhandler(OrderNotFound)
def no_order(error: OrderNotFound, request: Request) -> tuple[dict[str, str], int]:
    assert_type(request.route, RouteView | None)
    return {"error": error.detail or ""}, 404


@orders.get("/{id}")
async def show(id: int, database: Database, verbose: bool = False) -> Order:
    order = database.find(id)
    if order is None:
        raise OrderNotFound("No such order.")
    return order


@orders.post("/", status_code=201)
def create(order: Order, page: Annotated[int, Query(), msgspec.Meta(ge=1)] = 1) -> Order:
    after_response(print, order.item)
    return order


@orders.put("/{id}/photo")
async def photo(id: int, request: Request) -> None:
    file = request.files["photo"]
    assert_type(file, UploadFile)
    assert_type(request.form.get("title"), str | None)
    assert_type(request.query.getlist("tag"), list[str])


@orders.put("/{id}/raw")
async def raw(id: int, body: BodyStream) -> int:
    total = 0
    async for piece in body:
        assert_type(piece, bytes)
        total += len(piece)
    return total


@app.get("/export")
async def export() -> StreamResponse:
    async def lines() -> AsyncIterator[str]:
        yield "a\n"

    return StreamResponse(lines())


@app.get("/login")
def login(request: Request) -> Response:
    if not request.query.get("user"):
        abort(400, "Who are you?")
    assert_type(safe_next(request), str)
    return redirect(safe_next(request, "/home"))


@app.get("/page")
def page(state: MyState, shop: ShopApp) -> HTMLResponse | JSONResponse:
    assert_type(state.database, Database)
    assert_type(shop.greeting, str)
    return HTMLResponse(f"<a href='{url_for('orders.show', id=1)}'>{shop.greeting}</a>")


def current_user(request: Request) -> str:
    return request.cookies.get("user", "")


@app.get("/me")
def me(user: Annotated[str, Depends(current_user)]) -> str:
    return user


@app.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: str) -> None:
    async for message in socket:
        assert_type(message, str | bytes)
        await socket.send(f"{room}: {message!r}")


class Users(Resource):
    """Handlers in a class."""

    def get(self, id: int) -> dict[str, int]:
        return {"id": id}


async def timing(request: Request, call_next: Dispatch) -> Response:
    response = await call_next(request)
    assert_type(response.status_code, int)
    return response


class Quota:
    """A layer that is bound to each route."""

    def bind(self, route: RouteView) -> Quota | None:
        return self if route.meta.get("quota") else None

    async def __call__(self, request: Request, call_next: Dispatch) -> Response:
        return await call_next(request)

    def describe(self) -> LayerInfo:
        return LayerInfo(status_codes={429: "Too many requests."})


class Metrics:
    """An extension."""

    name = "metrics"
    requires: tuple[str, ...] = ("sessions",)

    def install(self, app: AppSetup) -> None:
        app.add_layer(Quota())
        app.add_route("/metrics", lambda: "x", name="metrics")
        app.on("request_finished", self.count)

    def count(self, fields: Mapping[str, object]) -> None: ...


app.add_resource("/users/{id}", Users)
app.add_resource("/people/{id}", Users(), name="people")
app.register(orders)
app.install(Metrics())
app.mount("/child", App("child", use=[timing, Quota()]))
app.on("app_started", lambda fields: None)


@app.template_filter()
def money(cents: int) -> str:
    return f"{cents / 100:.2f}"


assert_type(money(1), str)
assert_type(app.url_for("orders.show", id=3), str)
assert_type(app.build(), FrozenApp)
assert_type(app.endpoints, tuple[EndpointInfo, ...])
assert_type(app.mounts, Mapping[str, Mount])
assert_type(app.extensions, Mapping[str, Extension])
assert_type(app.describe(), dict[str, object])
assert_type(app.settings, AppSettings)
assert_type(app.state, State)


def test_app() -> None:
    """Use the synchronous client."""
    with app.test_client() as client:
        assert_type(client, TestClient)
        response = client.get("/orders/1", headers={"accept": "application/json"})
        assert_type(response, TestResponse)
        assert_type(response.json(type=Order), Order)
        with app.override(Database, Database):
            assert_type(client.post("/orders/", json={"item": "tea"}).status_code, int)


async def test_async_app() -> None:
    """Use the asynchronous client."""
    async with app.async_test_client() as client:
        assert_type(client, AsyncTestClient)
        assert_type(await client.get("/"), TestResponse)


def raise_teapot() -> None:
    """Raise an error with a status of one's own."""
    raise HTTPError(418, "I am a teapot.", headers={"x-a": "1"}, shape="short")
