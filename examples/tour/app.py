"""The tour: what Costrel does, in one file to read from top to bottom.

    costrel dev examples/tour/app.py

Every stop is a page that shows what it does and the code that does it. Nothing is kept: entries, orders and pictures
are gone when the tour stops.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec

from costrel import (
    App,
    Blueprint,
    Disconnect,
    EventStream,
    File,
    FileResponse,
    Form,
    NotFound,
    Request,
    Response,
    ServerSentEvent,
    ServiceUnavailable,
    StreamResponse,
    UploadFile,
    ValidationFailed,
    WebSocket,
    abort,
    after_response,
    flash,
    redirect,
    render,
    request,
    session,
    url_for,
)
from costrel.app import AppSetup
from costrel.messages import Dispatch

# A layer: anything that stands around handlers


async def timed(request: Request, call_next: Dispatch) -> Response:
    """Tell the browser how long the application took; the footer of each page shows it."""
    started = time.perf_counter()
    response = await call_next(request)
    response.headers["server-timing"] = f"app;dur={(time.perf_counter() - started) * 1000:.2f}"
    return response


app = App(use=[timed])


@dataclass(frozen=True)
class Stop:
    """One page of the tour: its route, the functions whose source it shows, other routes that show the same page."""

    name: str
    title: str
    about: str
    shows: tuple[str, ...] = ()
    shows_for: tuple[str, ...] = ()


STOPS = (
    Stop(
        "guestbook.show",
        "Forms and uploads",
        "A form with a picture, checked field by field, and a provider that commits or rolls back.",
        ("Entry", "sign", "form_again", "open_draft", "picture"),
        shows_for=("guestbook.sign",),
    ),
    Stop("visits", "Session", "A signed cookie, and a message that is shown once.", ("visits", "forget")),
    Stop(
        "api_page",
        "JSON",
        "Typed bodies, every error at once, problem details.",
        ("NewOrder", "create_order", "show_order"),
    ),
    Stop("threads", "Threads and loop", "Plain and async handlers side by side.", ("in_a_thread", "on_the_loop")),
    Stop("live", "Live", "Server-sent events and a streamed response.", ("events", "clap", "slowly")),
    Stop("chat_page", "WebSocket", "A chat room in ten lines.", ("chat",)),
    Stop("files", "Files", "Ranges, validators and conditional requests.", ("handbook",)),
    Stop(
        "errors", "Errors", "Error pages, error handlers and the debug page.", ("crash", "closed", "OutOfTea", "no_tea")
    ),
)


@app.context_processor
def around_the_page() -> dict[str, object]:
    """Give every template the list of stops, the stop it belongs to and the code to show."""
    route = request.route
    here = next((stop for stop in STOPS if route is not None and route.name in (stop.name, *stop.shows_for)), None)
    shown = [inspect.getsource(globals()[name]).rstrip() for name in here.shows] if here else []
    return {"stops": STOPS, "here": here, "shown": shown}


@app.get("/")
def index() -> str:
    """The front page."""
    return render("index.html")


# Forms, uploads, providers


@dataclass
class Guestbook:
    """What visitors wrote; it lives as long as the application."""

    folder: Path
    entries: list["Signed"] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.log.append(line)


@dataclass(frozen=True)
class Signed:
    """One entry, with the name of its picture."""

    name: str
    message: str
    picture: str = ""


class Entry(msgspec.Struct):
    """The form. Types and limits are checked before the handler runs."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    message: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    crash: bool = False


@dataclass
class Draft:
    """An entry that is written when its handler succeeds."""

    entries: list[Signed] = field(default_factory=list)


def open_guestbook() -> Iterator[Guestbook]:
    """Make the guestbook at start, and remove its pictures at stop."""
    with TemporaryDirectory(prefix="costrel-tour-") as folder:
        (Path(folder) / "handbook.txt").write_text("".join(f"line {n:6}\n" for n in range(100_000)))
        yield Guestbook(Path(folder))


def open_draft(book: Guestbook) -> Iterator[Draft]:
    """Commit after the handler and before anything is sent; a handler that raises commits nothing."""
    draft = Draft()
    yield draft
    book.entries.extend(draft.entries)


app.provide(Guestbook, open_guestbook, lifetime="app")
app.provide(Draft, open_draft)

guestbook = Blueprint("guestbook", prefix="/guestbook")
ADVICE = {
    "name": "Write a name of at most 40 characters.",
    "message": "Write a message of 3 to 400 characters.",
    "picture": "Choose a PNG, JPEG, GIF or WebP.",
}
PICTURE_TYPES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


@guestbook.get("")
def show(book: Guestbook) -> str:
    """The form and what was written so far."""
    return render(
        "guestbook.html", entries=book.entries[::-1], log=book.log[-5:], form={"name": session.get("name", "")}
    )


@guestbook.post("")
def sign(
    entry: Annotated[Entry, Form()],
    book: Guestbook,
    draft: Draft,
    picture: Annotated[UploadFile | None, File()] = None,
) -> Response:
    name = ""
    if picture is not None:
        suffix = PICTURE_TYPES.get(picture.content_type)
        if suffix is None:
            raise ValidationFailed([{"in": "file", "at": "picture", "message": ADVICE["picture"]}])
        name = f"{time.time_ns()}{suffix}"
        picture.save(book.folder / name)
    draft.entries.append(Signed(entry.name, entry.message, name))
    if entry.crash:
        raise RuntimeError("The box was ticked: this entry is not committed.")
    session["name"] = entry.name
    flash(f"Thank you, {entry.name}.")
    after_response(book.note, f"{entry.name} signed")
    return redirect(url_for(".show"))


@guestbook.errorhandler(ValidationFailed)
def form_again(request: Request, error: ValidationFailed) -> tuple[str, int]:
    """Show the form again with what was typed, and say at each field what is wrong."""
    fields = [item["at"].removeprefix("$.") for item in error.errors]
    errors = {field: ADVICE[field] for field in fields if field in ADVICE}
    return render("guestbook.html", form=request.form, errors=errors), 422


@guestbook.get("/pictures/{name}")
def picture(name: str, book: Guestbook) -> Response:
    """Send what somebody uploaded; `untrusted` keeps a browser from running anything in it."""
    if name not in {entry.picture for entry in book.entries}:
        raise NotFound("There is no such picture.")
    return FileResponse(book.folder / name, untrusted=True)


app.register(guestbook)


# Sessions


@app.get("/visits")
def visits() -> str:
    """Count the visits of this browser in its cookie."""
    session["visits"] = session.get("visits", 0) + 1
    return render("visits.html", visits=session["visits"], name=session.get("name"))


@app.post("/visits/forget")
def forget() -> Response:
    session.clear()
    flash("Forgotten. This message is shown once; reload the page to see it go.")
    return redirect(url_for("visits"))


# JSON

api = Blueprint("api", prefix="/api", text_as="json")
numbers = count(1)
orders: dict[int, "Order"] = {}


class NewOrder(msgspec.Struct):
    """The body of a request; anything else is refused with all of its errors."""

    item: Annotated[str, msgspec.Meta(min_length=2)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=100)]
    tags: list[str] = []


class Order(NewOrder, kw_only=True):
    """What is answered."""

    id: int


@api.post("/orders", status_code=201)
async def create_order(new: NewOrder) -> Order:
    order = Order(id=next(numbers), item=new.item, quantity=new.quantity, tags=new.tags)
    orders[order.id] = order
    return order


@api.get("/orders/{id}")
async def show_order(id: int) -> Order:
    if id not in orders:
        raise NotFound(f"There is no order {id}.", hint="Create one first.")
    return orders[id]


@api.get("/orders")
async def list_orders(limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10) -> list[Order]:
    return list(orders.values())[:limit]


@api.after_request
async def name_the_request(response: Response) -> Response:
    """A hook of the blueprint alone."""
    response.headers["x-request-id"] = request.id
    return response


app.register(api)


@app.get("/json")
def api_page() -> str:
    return render("json.html")


# Threads and the event loop


@app.get("/threads")
def threads() -> str:
    return render("threads.html")


@app.get("/threads/def")
def in_a_thread() -> dict[str, object]:
    """It may block: others go on meanwhile."""
    time.sleep(0.2)
    return {"handler": "def", "thread": threading.current_thread().name}


@app.get("/threads/async")
async def on_the_loop() -> dict[str, object]:
    """It waits without a thread."""
    await asyncio.sleep(0.2)
    return {"handler": "async def", "thread": threading.current_thread().name}


# Live: events, streams, sockets


class Board:
    """Who listens, and what they all see. One for the application, touched on the event loop alone."""

    def __init__(self) -> None:
        self.claps = 0
        self.watchers: set[asyncio.Event] = set()
        self.sockets: set[WebSocket] = set()

    async def tell(self, message: str) -> None:
        """Send a message to everybody in the chat room."""
        for socket in tuple(self.sockets):
            try:
                await socket.send(message)
            except Disconnect:
                self.sockets.discard(socket)


app.provide(Board, Board, lifetime="app")


@app.get("/live")
def live() -> str:
    return render("live.html")


@app.get("/live/events")
async def events(board: Board) -> EventStream:
    """Send the state once a second, and at once when somebody claps."""

    async def states() -> AsyncIterator[ServerSentEvent]:
        changed = asyncio.Event()
        board.watchers.add(changed)
        try:
            for number in count(1):
                state = {"claps": board.claps, "watchers": len(board.watchers), "time": time.strftime("%H:%M:%S")}
                yield ServerSentEvent(state, event="state", id=str(number))
                changed.clear()
                try:
                    await asyncio.wait_for(changed.wait(), 1)
                except TimeoutError:
                    pass
        finally:
            board.watchers.discard(changed)

    return EventStream(states())


@app.post("/live/clap")
async def clap(board: Board) -> dict[str, int]:
    board.claps += 1
    for changed in board.watchers:
        changed.set()
    return {"claps": board.claps}


@app.get("/live/slowly")
def slowly() -> Response:
    """A plain generator: each line is sent when it is made, from a thread."""

    def lines() -> Iterator[str]:
        for number in range(1, 11):
            time.sleep(0.15)
            yield f"line {number} of 10\n"

    return StreamResponse(lines(), media_type="text/plain; charset=utf-8")


@app.get("/chat")
def chat_page() -> str:
    return render("chat.html")


@app.websocket("/chat/socket")
async def chat(socket: WebSocket, board: Board, name: str = "somebody") -> None:
    board.sockets.add(socket)
    try:
        await board.tell(f"{name[:20]} came in")
        async for message in socket:
            await board.tell(f"{name[:20]}: {str(message)[:200]}")
    finally:
        board.sockets.discard(socket)
        await board.tell(f"{name[:20]} left")


# Files


@app.get("/files")
def files() -> str:
    return render("files.html")


@app.get("/files/handbook.txt")
def handbook(book: Guestbook) -> Response:
    """A file of 1.2 MB: ranges, ETag, Last-Modified and 304 come with it."""
    return FileResponse(book.folder / "handbook.txt")


# Errors


class OutOfTea(Exception):
    """An exception of the application."""


@app.errorhandler(OutOfTea)
def no_tea(error: OutOfTea) -> tuple[str, int]:
    return render("tea.html", detail=str(error)), 418


@app.get("/errors")
def errors() -> str:
    return render("errors.html", debug=app.debug)


@app.get("/errors/crash")
def crash() -> str:
    password = "correct horse"  # the debug page masks it
    prices = {"tea": 3, "coffee": 4}
    return f"{prices['cocoa']} {password}"


@app.get("/errors/closed")
def closed() -> str:
    raise ServiceUnavailable("The kitchen opens at seven.", headers={"Retry-After": "60"})


@app.get("/errors/forbidden")
def forbidden() -> str:
    abort(403, "This door is for the staff.")


@app.get("/errors/tea")
def tea() -> str:
    raise OutOfTea("There is coffee.")


# An extension that listens to an event


class Counting:
    """An extension: it counts the answers by status, through an event that every server emits."""

    name = "counting"
    requires: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.by_status: dict[object, int] = {}

    def install(self, app: AppSetup) -> None:
        app.on("request_finished", self.count)

    def count(self, fields: Mapping[str, object]) -> None:
        status = fields["status_code"]
        self.by_status[status] = self.by_status.get(status, 0) + 1


counting = Counting()
app.install(counting)


@app.get("/counted")
async def counted() -> dict[str, int]:
    """How many answers there were of each status."""
    return {str(status): number for status, number in sorted(counting.by_status.items(), key=str)}
