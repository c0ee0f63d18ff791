"""`request.on_response`: what is called with the response when all layers have seen it, before its head is sent."""

import pytest

from costrel import App, Request, Response, TextResponse


def answering(*register, use=()) -> App:
    """Make an application whose handler gives each of `register` the request."""
    app = App(extensions=(), use=use)

    @app.get("/")
    async def show(request: Request) -> TextResponse:
        for each in register:
            each(request)
        return TextResponse("shown")

    return app


def test_it_may_change_the_response():
    """A header that is decided deep inside comes with the response."""

    def mark(request: Request, response: Response) -> None:
        response.headers["x-mark"] = request.path

    with answering(lambda request: request.on_response(mark)).test_client() as client:
        response = client.get("/")

    assert ("shown", "/") == (response.text, response.headers["x-mark"])


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_it_may_return_another_response(kind):
    """What it returns is sent instead, whichever way it is written."""

    def replace(request: Request, response: Response) -> Response:
        return Response("other", 202)

    async def replace_later(request: Request, response: Response) -> Response:
        return Response("other", 202)

    callback = replace if kind == "def" else replace_later
    with answering(lambda request: request.on_response(callback)).test_client() as client:
        response = client.get("/")

    assert (202, "other") == (response.status_code, response.text)


def test_they_run_backwards_after_all_layers_and_the_last_ones_last():
    """The order is that of `on_end`; a layer has seen the response before any of them."""
    order = []

    def note(name):
        return lambda request, response: order.append(name)

    async def layer(request, call_next):
        response = await call_next(request)
        order.append("layer")
        request.on_response(note("from the layer"))
        return response

    app = answering(
        lambda request: request.on_response(note("last"), last=True),
        lambda request: request.on_response(note("first given")),
        lambda request: request.on_response(note("second given")),
        lambda request: request.on_response(note("also last"), last=True),
        use=[layer],
    )
    with app.test_client() as client:
        client.get("/")

    assert ["layer", "from the layer", "second given", "first given", "last", "also last"] == order


def test_one_that_raises_is_answered_by_the_error_handlers_and_the_others_still_run():
    """An error in it is an error of the application like any other."""
    order = []

    def fail(request: Request, response: Response) -> None:
        raise KeyError("broken")

    app = answering(
        lambda request: request.on_response(lambda request, response: order.append(response.status_code)),
        lambda request: request.on_response(fail),
    )

    @app.errorhandler(KeyError)
    async def answer(error: KeyError) -> tuple[str, int]:
        return "mended", 418

    with app.test_client() as client:
        response = client.get("/")

    assert (418, "mended", [418]) == (response.status_code, response.text, order)


def test_it_runs_for_errors_too():
    """A handler that raises has a response, and it passes by."""
    app = App(extensions=())

    @app.get("/")
    async def fail(request: Request) -> str:
        request.on_response(lambda request, response: response.headers.update({"x-mark": "1"}))
        raise ValueError("never mind")

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert (500, "1") == (response.status_code, response.headers["x-mark"])


def test_after_the_head_was_sent_it_is_too_late():
    """In the middle of a stream nothing can be said about its head any more."""
    app = App(extensions=())
    seen = []

    @app.get("/")
    async def stream(request: Request):
        yield "one"
        try:
            request.on_response(lambda request, response: None)
        except RuntimeError as error:
            seen.append(str(error))
        yield "two"

    with app.test_client() as client:
        assert "onetwo" == client.get("/").text

    assert ["`request.on_response` came too late: the head of the response was sent."] == seen
