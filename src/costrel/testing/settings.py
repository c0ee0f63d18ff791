"""How a test client sends its requests: one frozen value, and the same as keyword arguments."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from costrel.messages import refuse_options
from costrel.testing.outgoing import HeaderInput
from costrel.testing.requests import DEFAULT_BASE_URL, DEFAULT_PEER

__all__ = ["ClientOptions", "ClientSettings"]


class ClientOptions(TypedDict, total=False):
    """How a test client differs from a default one; see `ClientSettings`."""

    base_url: str
    headers: HeaderInput
    cookies: Mapping[str, str]
    follow_redirects: bool
    raise_app_exceptions: bool
    timeout_seconds: float
    root_path: str
    peer: tuple[str, int] | None
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """How a test client sends its requests.

    Args:
        base_url: scheme, host and port of what is asked; its path, if any, is not used.
        headers: fields of every request.
        cookies: cookies that the jar begins with.
        follow_redirects: whether redirects are followed unless a request says otherwise.
        raise_app_exceptions: whether an exception that nobody handled is raised in the test, instead of the response
            with status 500 that clients get.
        timeout_seconds: how long each wait may take; `math.inf` is for ever.
        root_path: a prefix under which the application is served, for example ``/api``; requests name paths inside it.
        peer: address and port that requests come from.
        clock: the time in seconds since the epoch by which cookies expire.
    """

    base_url: str = DEFAULT_BASE_URL
    headers: HeaderInput = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    follow_redirects: bool = False
    raise_app_exceptions: bool = True
    timeout_seconds: float = 5.0
    root_path: str = ""
    peer: tuple[str, int] | None = DEFAULT_PEER
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, options: ClientOptions) -> ClientSettings:
        """Make the settings of the keyword arguments of a client.

        Raises:
            TypeError: one that does not exist.
        """
        unknown = options.keys() - ClientOptions.__optional_keys__
        if unknown:
            raise refuse_options("a test client", unknown, ClientOptions.__optional_keys__)
        return cls(**options)
