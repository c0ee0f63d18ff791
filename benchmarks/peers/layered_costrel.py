"""Costrel with the layers of `costrel.layers`."""

from __future__ import annotations

from costrel import App, Request
from costrel.app import AppSettings
from costrel.layers import CORS, Compress, Limit
from peers.layered_rows import KEY, LIMIT, MINIMUM_BYTES, ORIGIN, ROWS

app = App(
    "layered",
    settings=AppSettings(secret_key=KEY),
    use=[CORS([ORIGIN], credentials=True), Compress(minimum_bytes=MINIMUM_BYTES, levels={"gzip": 6}), Limit(LIMIT)],
)


@app.get("/login")
async def login(request: Request) -> str:
    """Begin a session."""
    request.session["user_id"] = 42
    return "hello"


@app.get("/rows")
async def rows(request: Request) -> dict[str, object]:
    """Answer with 600 bytes of JSON, for whoever has a session."""
    return {"user_id": request.session["user_id"], "rows": ROWS}
