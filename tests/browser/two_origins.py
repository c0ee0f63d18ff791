"""One application under the names of several sites, over TLS, and a browser that finds it there.

``https://a.test`` is the site, ``https://x.a.test`` a neighbouring host of it and ``https://c.test`` another site.
Pages of ``https://y.a.test`` and ``https://b.test`` may read the answers. Where a page is from is all that tells them
apart. Over plain http the application is under the same names once more.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.browser.conftest import QUIET, STOP_SECONDS, missing

from costrel import App, Blueprint, Request, Response
from costrel.app import AppSettings
from costrel.errors import HTTPError
from costrel.layers import CORS, CSRF, csrf_field
from costrel.messages import Dispatch, HTMLResponse, StreamResponse
from costrel.server import Server, ServerSettings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = "https://a.test"
BELOW = "https://x.a.test"
ALLOWED = "https://b.test"
ALLOWED_BELOW = "https://y.a.test"
STRANGER = "https://c.test"
Answers: TypeAlias = "Queue[tuple[str | None, int]]"
PATIENCE_SECONDS = 5
PAGE = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Page</title>'

ASK = """async ([url, options]) => {
  try {
    const response = await fetch(url, options);
    const text = await response.text().catch(error => error.name);
    const answers = ["x-answer", "x-hidden"].map(name => response.headers.get(name));
    return [response.type, response.status, text, answers];
  } catch (error) {
    return [error.name, 0, "", []];
  }
}"""


def make_app(changes: list[str], handled: list[str], answers: Answers) -> App:
    """Return the application.

    Args:
        changes: gets what each request has changed, and whose cookie it had.
        handled: gets the method of each request that has reached the handler of ``/item``.
        answers: gets origin and status of each request for what changes something.
    """
    cors = CORS([ALLOWED, ALLOWED_BELOW], headers=["content-type", "x-key"], expose=["x-answer"], credentials=True)
    app = App("site", use=[cors], settings=AppSettings(secret_key="a key for the tests alone"))

    async def note(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        answers.put((request.headers.get("origin"), response.status_code))
        return response

    shop = Blueprint("shop", prefix="/shop", use=[note, CSRF()])

    @app.get("/")
    async def page() -> str:
        return PAGE

    @app.route("/item", methods=["GET", "POST", "PUT", "DELETE"])
    async def item(request: Request) -> Response:
        await request.read()
        handled.append(request.method)
        said = f"{request.method} {request.text} {request.cookies.get('member', 'nobody')}"
        return Response(said, headers={"X-Answer": "42", "X-Hidden": "43"}, media_type="text/plain")

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError("on purpose")

    @app.get("/refused/{status_code:int}")
    async def refused(status_code: int) -> str:
        raise HTTPError(status_code)

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                yield f"piece {number} "

        return StreamResponse(pieces())

    @app.get("/broken-stream")
    async def broken_stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "piece 0 "
            await asyncio.sleep(0.05)
            raise RuntimeError("on purpose")

        return StreamResponse(pieces())

    @app.get("/cookie/{name}")
    async def set_cookie(name: str) -> Response:
        response = HTMLResponse(PAGE)
        response.set_cookie(name, "own")
        return response

    @app.get("/plant")
    async def plant(line: str) -> Response:
        # Any line at all, as from a server in somebody else's hands.
        return HTMLResponse(PAGE, headers=[("Set-Cookie", line)])

    @app.get("/cookies")
    async def cookies(request: Request) -> str:
        return "; ".join(request.headers.getlist("cookie"))

    @shop.get("/form")
    async def form() -> Response:
        fields = f"{csrf_field()}<input name='what' value='form'>"
        return HTMLResponse(f"{PAGE}<form method='post' action='/shop/change'>{fields}<button>Send</button></form>")

    @shop.route("/change", methods=["POST", "PUT"])
    async def change(request: Request) -> str:
        await request.read()
        changes.append(f"{request.form.get('what', '') or request.text} {request.cookies.get('member', 'nobody')}")
        return "changed"

    app.register(shop)
    return app


class Origins:
    """A browser to which all the names lead to the application.

    Args:
        browser: the one.

    Attributes:
        changes: what requests have changed, in order.
        handled: the methods of the requests that have reached the handler of ``/item``.
        answers: origin and status of the requests for what changes something.
    """

    def __init__(self, browser: Browser, changes: list[str], handled: list[str], answers: Answers) -> None:
        self._browser = browser
        self.answers = answers
        self.changes = changes
        self.handled = handled

    @contextmanager
    def visit(self, *urls: str, is_member: bool = False) -> Iterator[Page]:
        """Open pages one after the other as somebody who comes for the first time, and give the last.

        Args:
            urls: of the pages.
            is_member: whether the site has given a cookie, one that goes along wherever the browser lets it.
        """
        context = self._browser.new_context()
        context.set_default_timeout(5_000)
        try:
            if is_member:
                cookie: Any = {"name": "member", "value": "ann", "url": HERE, "secure": True, "sameSite": "None"}
                context.add_cookies([cookie])
            opened = context.new_page()
            for url in urls:
                opened.goto(url)
            self.changes.clear()
            self.handled.clear()
            self.answers.queue.clear()
            yield opened
        finally:
            context.close()

    def ask(self, page: Page, url: str, **options: Any) -> Any:
        """Fetch in a page: type, status and text of the answer with two of its fields, or the error's name."""
        return page.evaluate(ASK, [url, options])


@contextmanager
def two_origins(browser: Browser, folder: Path) -> Iterator[Origins]:
    """Serve the application and start a browser that knows where.

    Args:
        browser: one that is running; its driver starts the other.
        folder: for the certificate.
    """
    try:
        import trustme
    except ImportError:
        missing("trustme")
    certificate = trustme.CA().issue_cert("a.test", "x.a.test", "y.a.test", "b.test", "c.test")
    path = folder / "certificate.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    changes: list[str] = []
    handled: list[str] = []
    answers: Answers = Queue()
    with serving([{"tls_certificate_path": str(path)}, {}], changes, handled, answers) as (secure, plain):
        flags = [
            *QUIET,
            "--no-sandbox",
            f"--host-resolver-rules=MAP *:443 127.0.0.1:{secure}, MAP *:80 127.0.0.1:{plain}",
            f"--ignore-certificate-errors-spki-list={pin_of(certificate.cert_chain_pems[0].bytes())}",
        ]
        executable = shutil.which("chromium") or shutil.which("chromium-browser")
        started = browser.browser_type.launch(executable_path=executable, args=flags)
        try:
            yield Origins(started, changes, handled, answers)
        finally:
            started.close()


def pin_of(certificate_pem: bytes) -> str:
    """Return what names the public key of a certificate: the SHA-256 of its SubjectPublicKeyInfo, in base64."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_pem_x509_certificate

    key = load_pem_x509_certificate(certificate_pem).public_key()
    content = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@contextmanager
def serving(
    settings: list[dict[str, str]], changes: list[str], handled: list[str], answers: Answers
) -> Iterator[list[int]]:
    """Serve the application in a thread, once for each of the settings, and give the ports."""
    started: Future[tuple[list[int], asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            servers = []
            for one in settings:
                options: dict[str, Any] = {"port": 0, "graceful_timeout_seconds": 0.05, **one}
                server = Server(make_app(changes, handled, answers), ServerSettings(**options))
                await server.start()
                stack.push_async_callback(server.stop)
                servers.append(server)
            ports = [int(server.addresses[0].rpartition(":")[2]) for server in servers]
            started.set_result((ports, asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="two-origins", daemon=True)
    thread.start()
    ports, loop, stop = started.result(STOP_SECONDS)
    try:
        yield ports
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_SECONDS)
