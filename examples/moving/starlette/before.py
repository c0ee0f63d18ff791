# before.py
import contextlib
import time

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

SENT: list[str] = []


class Timing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        began = time.perf_counter()
        response = await call_next(request)
        response.headers["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1000:.1f}"
        return response


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.notes = {1: "Water the plants."}
    yield
    app.state.notes.clear()


async def show(request):
    number = request.path_params["number"]
    if number not in request.app.state.notes:
        raise HTTPException(404, "There is no such note.")
    return JSONResponse({"number": number, "text": request.app.state.notes[number]})


async def add(request):
    text = (await request.json())["text"]
    notes = request.app.state.notes
    notes[len(notes) + 1] = text
    return JSONResponse(
        {"url": str(request.app.url_path_for("notes:show", number=len(notes)))},
        status_code=201,
        background=BackgroundTask(SENT.append, text),
    )


async def export(request):
    async def lines():
        for text in request.app.state.notes.values():
            yield f"{text}\n"

    return StreamingResponse(lines(), media_type="text/plain")


async def search(request):
    word = request.query_params.get("q", "")
    return PlainTextResponse("\n".join(text for text in request.app.state.notes.values() if word in text))


async def echo(websocket):
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(f"You said: {message}")


async def not_found(request, error):
    return JSONResponse({"error": error.detail}, status_code=404)


app = Starlette(
    routes=[
        Mount(
            "/notes",
            name="notes",
            routes=[
                Route("/search", search),
                Route("/export", export),
                Route("/{number:int}", show, name="show"),
                Route("/", add, methods=["POST"]),
            ],
        ),
        WebSocketRoute("/echo", echo),
    ],
    middleware=[Middleware(Timing)],
    exception_handlers={404: not_found},
    lifespan=lifespan,
)
