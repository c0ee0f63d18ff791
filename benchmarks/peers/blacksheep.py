"""BlackSheep on uvicorn, with pydantic; it runs plain functions on the loop, so it has no threads to measure."""

from blacksheep import Application, FromJSON, Response, json, text

from peers.pydantic_order import Order

app = Application()


@app.router.get("/")
async def hello() -> Response:
    """Answer with text."""
    return text("Hello, World!")


@app.router.get("/user/{int:id}")
async def user(id: int) -> Response:
    """Answer with JSON."""
    return json({"id": id})


@app.router.post("/order")
async def order(data: FromJSON[Order]) -> Response:
    """Decode, validate and echo."""
    return json(data.value)
