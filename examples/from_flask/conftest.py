"""The blog at each step, with one way to use it: as a browser would."""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from werkzeug.security import generate_password_hash

HERE = Path(__file__).parent
QUICK_HASH = partial(generate_password_hash, method="pbkdf2:sha256:1")  # tests alone may be quick here
STEPS = ["flaskr", "step1", "step2", "step3"]


@dataclass
class Page:
    """What the browser shows after its redirects, and the path it has come to."""

    status_code: int
    path: str
    text: str

    @property
    def messages(self) -> list[str]:
        return re.findall(r'class="flash [^"]*" role="status">([^<]*)<', self.text)


class Browser:
    """A client with cookies of its own; both kinds of test client take the same calls."""

    def __init__(self, client) -> None:
        self.client = client

    def get(self, path: str) -> Page:
        return self.page(self.client.get(path, follow_redirects=True))

    def post(self, path: str, **fields: str) -> Page:
        return self.page(self.client.post(path, data=fields, follow_redirects=True))

    def page(self, answer) -> Page:
        if hasattr(answer, "get_data"):  # Flask's
            with answer:
                return Page(answer.status_code, answer.request.path, answer.get_data(as_text=True))
        return Page(answer.status_code, answer.url.path, answer.text)

    def join(self, name: str, password: str = "correct horse") -> Page:
        """Register and log in."""
        self.post("/auth/register", name=name, password=password)
        return self.post("/auth/login", name=name, password=password)


@contextmanager
def open_blog(step: str) -> Iterator["Blog"]:
    """Make one of the steps, with a database of its own that is gone after the block."""
    with TemporaryDirectory(prefix="blog-") as folder, pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.syspath_prepend(str(HERE))
        patch.setenv("BLOG_INSTANCE", folder)
        patch.delitem(sys.modules, step, raising=False)  # a step makes its application when it is imported
        module = importlib.import_module(step)
        patch.setattr("flaskr.auth.generate_password_hash", QUICK_HASH)
        yield Blog(module.create_app() if step == "flaskr" else module.app, stack)


class Blog:
    """An application, and as many browsers as a test asks for."""

    def __init__(self, app, stack: ExitStack) -> None:
        self.app = app
        self.stack = stack

    def browser(self) -> Browser:
        return Browser(self.stack.enter_context(self.app.test_client()))


@pytest.fixture(params=STEPS)
def blog(request):
    with open_blog(request.param) as blog:
        yield blog
