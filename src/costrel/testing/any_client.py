"""What both test clients offer alike: a call for each method, the cookies, the header fields, captured events.

The calls are written once. Each hands on to the client's own ``request``, and what that returns is what they return:
a response from `TestClient`, the promise of one from `AsyncTestClient`. What differs between the two beyond that,
streams, sockets, start and stop, is in their own modules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Generic, TypeVar, Unpack

from costrel.http import CookieJar, Headers
from costrel.messages import Application
from costrel.testing.capture import CapturedEvent, capture_events
from costrel.testing.core import ClientCore
from costrel.testing.outgoing import RequestOptions
from costrel.testing.settings import ClientOptions, ClientSettings

__all__ = ["AnyTestClient"]

Answer = TypeVar("Answer")


class AnyTestClient(ABC, Generic[Answer]):
    """A test client of either kind.

    Args:
        application: what is tested.
        options: see `ClientSettings`.
    """

    def __init__(self, application: Application, **options: Unpack[ClientOptions]) -> None:
        self._core = ClientCore(application, ClientSettings.of(options))

    @property
    def application(self) -> Application:
        """What is tested."""
        return self._core.application

    @property
    def cookies(self) -> CookieJar:
        """The cookies that responses have set, and those put in by hand: ``client.cookies.set("name", "value")``."""
        return self._core.jar

    @property
    def headers(self) -> Headers:
        """Header fields that every request gets, to read and to change."""
        return self._core.headers

    @abstractmethod
    def request(self, method: str, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a request and wait for the whole response and for what was left to be done after it.

        Args:
            method: in any case.
            url: a path, or a URL.
            options: see `RequestOptions`.

        Raises:
            BaseException: what the application raised and nobody handled, with its own traceback.
            TimeoutError: it took too long; the message names where the application waits.
        """

    def get(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a GET request; see `request`."""
        return self.request("GET", url, **options)

    def head(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a HEAD request; see `request`."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send an OPTIONS request; see `request`."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a POST request; see `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a PUT request; see `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a PATCH request; see `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a DELETE request; see `request`."""
        return self.request("DELETE", url, **options)

    def query(self, url: str, /, **options: Unpack[RequestOptions]) -> Answer:
        """Send a QUERY request; see `request`."""
        return self.request("QUERY", url, **options)

    def capture_events(self, *names: str) -> AbstractContextManager[list[CapturedEvent]]:
        """Collect events of the application in a block: ``with client.capture_events("message_flashed") as events``.

        Raises:
            ConfigurationError: there is no event of a name.
        """
        return capture_events(self._core.application, *names)
