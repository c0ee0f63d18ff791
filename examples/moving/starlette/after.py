# after.py
import time
from typing import TypedDict

from costrel import App, Blueprint, JSONResponse, NotFound, TextResponse, WebSocket, after_response, request, url_for

SENT: list[str] = []


async def timing(request, call_next):
    began = time.perf_counter()
    response = await call_next(request)
    response.headers["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1000:.1f}"
    return response


app = App(use=[timing])
notes = Blueprint("notes", prefix="/notes")


class Note(TypedDict):
    text: str


@app.lifespan
async def lifespan(app):
    app.state.notes = {1: "Water the plants."}
    yield
    app.state.notes.clear()


@notes.get("/{number:int}")
async def show(number: int):
    if number not in app.state.notes:
        raise NotFound("There is no such note.")
    return {"number": number, "text": app.state.notes[number]}


@notes.post("/", status_code=201)
async def add(note: Note):
    number = len(app.state.notes) + 1
    app.state.notes[number] = note["text"]
    after_response(SENT.append, note["text"])
    return {"url": url_for("notes.show", number=number)}


@notes.get("/export", media_type="text/plain; charset=utf-8")
async def export():
    for text in app.state.notes.values():
        yield f"{text}\n"


@notes.get("/search")
async def search():
    word = request.query.get("q", "")
    return TextResponse("\n".join(text for text in app.state.notes.values() if word in text))


@app.websocket("/echo")
async def echo(socket: WebSocket):
    async for message in socket:
        await socket.send(f"You said: {message}")


@app.errorhandler(404)
async def not_found(error):
    return JSONResponse({"error": error.detail}, status_code=404)


app.register(notes)
