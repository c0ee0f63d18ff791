"""One application under the names of several sites, over TLS, and a browser that finds it there.

``https://a.test`` is the site, ``https://x.a.test`` a neighbouring host of it, ``https://b.test`` another site whose
pages may read the answers of this one, ``https://c.test`` one whose pages may not. Where a page is from is all that
tells them apart. Over plain http, under the same names, is the same application again.

This file is the application too; `serving` gives it to the command line.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costrel import App, Blueprint, Request, Response
from costrel.errors import HTTPError
from costrel.layers import CORS, CSRF, csrf_field
from costrel.messages import HTMLResponse, StreamResponse

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = "https://a.test"
BELOW = "https://x.a.test"
ALLOWED = "https://b.test"
STRANGER = "https://c.test"
PAGE = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Page</title>'

_ADDRESS = re.compile(r"https?://127\.0\.0\.1:(\d+)")

app = App("site", use=[CORS([ALLOWED], headers=["content-type", "x-key"], expose=["x-answer"], credentials=True)])
shop = Blueprint("shop", prefix="/shop", use=[CSRF()])
changes: list[str] = []


@app.get("/")
async def page() -> str:
    return PAGE


@app.route("/item", methods=["GET", "POST", "PUT", "DELETE"])
async def item(request: Request) -> Response:
    await request.read()
    said = f"{request.method} {request.text} {request.cookies.get('member', 'nobody')}"
    return Response(said, headers={"X-Answer": "42", "X-Hidden": "43"}, media_type="text/plain")


@app.get("/broken")
async def broken() -> str:
    raise RuntimeError


@app.get("/refused/{status_code:int}")
async def refused(status_code: int) -> str:
    raise HTTPError(status_code)


@app.get("/stream")
async def stream() -> StreamResponse:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            yield f"piece {number}\n"

    return StreamResponse(pieces())


@app.get("/broken-stream")
async def broken_stream() -> StreamResponse:
    async def pieces() -> AsyncIterator[str]:
        yield "piece 0\n"
        raise RuntimeError

    return StreamResponse(pieces())


@app.get("/enter")
async def enter() -> Response:
    """Set a cookie of a member, which goes along from pages of other sites too."""
    response = HTMLResponse(PAGE)
    response.set_cookie("member", "ann", same_site="None")
    return response


@app.get("/cookie/{kind}")
async def set_own_cookie(kind: str) -> Response:
    response = HTMLResponse(PAGE)
    if kind == "prefixed":
        response.set_cookie("__Host-sid", "own")
    else:
        response.set_cookie("sid", "own")
    return response


@app.get("/plant")
async def plant(line: str) -> Response:
    """Send any line as ``Set-Cookie``, as a server in somebody else's hands would."""
    return Response(PAGE, headers=[("Set-Cookie", line)], media_type="text/html")


@app.get("/cookies")
async def cookies(request: Request) -> str:
    return "; ".join(request.headers.getlist("cookie"))


@app.get("/changes")
async def seen_changes() -> list[str]:
    return changes


@shop.get("/form")
def form() -> Response:
    fields = f"{csrf_field()}<input name='what' value='form'>"
    return HTMLResponse(f"{PAGE}<form method='post' action='/shop/change'>{fields}<button>Send</button></form>")


@shop.route("/change", methods=["POST", "PUT"])
async def change(request: Request) -> str:
    await request.read()
    changes.append(f"{request.form.get('what', '') or request.text} {request.cookies.get('member', 'nobody')}")
    return "changed"


app.register(shop)


class Origins:
    """A browser to which the names lead to the application.

    Args:
        browser: the one.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def visit(self, *urls: str) -> Iterator[Page]:
        """Open pages one after the other as somebody who comes for the first time, and give the last."""
        context = self._browser.new_context()
        context.set_default_timeout(5_000)
        try:
            opened = context.new_page()
            for url in urls:
                opened.goto(url)
            yield opened
        finally:
            context.close()


@contextmanager
def two_origins(browser: Browser, folder: Path) -> Iterator[Origins]:
    """Serve the application and start a browser that knows where.

    Args:
        browser: one that is running; its driver starts the other.
        folder: for the certificate.
    """
    import trustme
    from cryptography.x509 import load_pem_x509_certificate

    from tests.browser.conftest import QUIET

    authority = trustme.CA()
    certificate = authority.issue_cert("a.test", "*.a.test", "b.test", "c.test")
    path = folder / "certificate.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(path)
    found = load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    key = ssl.PEM_cert_to_DER_cert(public_key_pem(found).replace("PUBLIC KEY", "CERTIFICATE"))
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    with ExitStack() as stack:
        secure = stack.enter_context(serving("--tls-certificate-path", str(path)))
        plain = stack.enter_context(serving())
        # The rules stand before the choice of a port, so pages have the addresses of real sites.
        rules = f"MAP *:443 127.0.0.1:{secure}, MAP *:80 127.0.0.1:{plain}"
        flags = [*QUIET, "--no-sandbox", f"--host-resolver-rules={rules}", f"--ignore-certificate-errors-spki-list={pin}"]
        started = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=flags)
        stack.callback(started.close)
        yield Origins(started)
