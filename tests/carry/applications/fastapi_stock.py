"""FastAPI: dependencies that are left again, a WebSocket, background work, validation, and its documentation page."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, UploadFile, WebSocket
from pydantic import BaseModel, Field


class Item(BaseModel):
    """What is in stock."""

    name: str = Field(min_length=2)
    count: int = Field(ge=0)


def make_app() -> FastAPI:
    """Make the application; what its dependencies did stands in ``app.state.log``."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        app.state.log.append("start")
        yield {"items": {}}
        app.state.log.append("stop")

    app = FastAPI(title="Stock", lifespan=lifespan)
    app.state.log = []
    log: list[str] = app.state.log

    async def open_async() -> AsyncIterator[str]:
        log.append("open")
        try:
            yield "async"
        finally:
            log.append("close")

    def open_sync(outer: Annotated[str, Depends(open_async)]) -> Iterator[str]:
        log.append("open in a thread")
        try:
            yield f"{outer} and sync"
        except ValueError:
            log.append("rolled back")
            raise
        finally:
            log.append("close in a thread")

    Opened = Annotated[str, Depends(open_sync)]

    @app.get("/opened")
    async def opened(value: Opened) -> dict[str, str]:
        return {"value": value}

    @app.get("/broken")
    def broken(value: Opened) -> None:
        raise ValueError("broken")

    @app.put("/items/{id}", status_code=201)
    async def put_item(id: int, item: Item, request: Request, background: BackgroundTasks) -> Item:
        request.state.items[id] = item
        background.add_task(log.append, f"kept {item.name}")
        return item

    @app.get("/items/{id}")
    def get_item(id: int, request: Request) -> dict[str, Any]:
        if id not in request.state.items:
            raise HTTPException(404, f"no item {id}")
        return {**request.state.items[id].model_dump(), "url": str(request.url_for("get_item", id=id))}

    @app.post("/upload")
    async def upload(file: UploadFile) -> dict[str, Any]:
        return {"name": file.filename, "size": len(await file.read())}

    @app.websocket("/live/{name}")
    async def live(socket: WebSocket, name: str, opened: Annotated[str, Depends(open_async)]) -> None:
        await socket.accept(subprotocol="stock" if "stock" in socket.scope["subprotocols"] else None)
        await socket.send_json({"hello": name, "opened": opened, "path": socket.url.path})
        async for message in socket.iter_text():
            await socket.send_text(message.upper())

    @app.websocket("/closed")
    async def closed(socket: WebSocket) -> None:
        await socket.close(4401)

    return app
