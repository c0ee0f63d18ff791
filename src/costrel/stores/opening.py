"""`open_store`: a store by its URL, so that one setting says where an application keeps things."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from costrel.errors import ConfigurationError, Mistake
from costrel.messages import Store
from costrel.stores.file import FileStore
from costrel.stores.memory import DEFAULT_MAX_BYTES, DEFAULT_MAX_ITEMS, MemoryStore
from costrel.stores.redis import (
    DEFAULT_CONNECT_TIMEOUT_SECONDS,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_OPERATION_TIMEOUT_SECONDS,
    RedisStore,
)

__all__ = ["open_store"]

_Options = dict[str, str]


def open_store(url: str) -> Store:
    """Open a store; it connects when it is used first.

    Args:
        url: where it is.

            - ``memory://``: a new one in this process; options ``max_items`` and ``max_bytes``.
            - ``file:///path/of/a/folder``: shared by the processes of this host; option ``is_synced=1``.
            - ``redis://host:port/number``, ``rediss://…``, ``unix://path``: a Redis server; options ``prefix``,
              ``max_connections``, ``connect_timeout_seconds``, ``operation_timeout_seconds``, and those of the package
              ``redis``.

            Options stand in the query: ``redis://localhost/0?prefix=shop:``.

    Raises:
        ConfigurationError: it is no such URL, the folder cannot be used, or the package ``redis`` is missing.
    """
    scheme, mark, _ = url.partition("://")
    opener = _OPENERS.get(scheme)
    if opener is None or not mark:
        known = ", ".join(f"{name}://" for name in _OPENERS)
        raise _wrong_url(scheme if mark else "", f"A store is one of {known}")
    try:
        return opener(url)
    except (TypeError, ValueError) as error:
        raise _wrong_url(scheme, str(error)) from error


def _open_memory(url: str) -> Store:
    parts = urlsplit(url)
    if parts.netloc or parts.path not in ("", "/"):
        raise ValueError("A store in memory has no place: write memory://")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    max_items = int(options.pop("max_items", DEFAULT_MAX_ITEMS))
    max_bytes = int(options.pop("max_bytes", DEFAULT_MAX_BYTES))
    _refuse_rest(options)
    return MemoryStore(max_items=max_items, max_bytes=max_bytes)


def _open_file(url: str) -> Store:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or parts.path in ("", "/"):
        raise ValueError("A store of files names a folder with three slashes: file:///path/of/a/folder")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    is_synced = options.pop("is_synced", "0")
    if is_synced not in ("0", "1"):
        raise ValueError("is_synced is 0 or 1")
    _refuse_rest(options)
    return FileStore(unquote(parts.path), is_synced=is_synced == "1")


def _open_redis(url: str) -> Store:
    if find_spec("redis") is None:
        raise ConfigurationError(
            Mistake(
                "COS-STORE-002",
                "A store in Redis needs the package `redis`, which is not installed.",
                fix="pip install 'costrel[redis]'",
            )
        )
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    prefix = options.pop("prefix", "costrel:")
    max_connections = int(options.pop("max_connections", DEFAULT_MAX_CONNECTIONS))
    connect_timeout_seconds = float(options.pop("connect_timeout_seconds", DEFAULT_CONNECT_TIMEOUT_SECONDS))
    operation_timeout_seconds = float(options.pop("operation_timeout_seconds", DEFAULT_OPERATION_TIMEOUT_SECONDS))
    server = parts._replace(query=urlencode(options)).geturl()
    return RedisStore(
        server,
        prefix=prefix,
        max_connections=max_connections,
        connect_timeout_seconds=connect_timeout_seconds,
        operation_timeout_seconds=operation_timeout_seconds,
    )


_OPENERS: Mapping[str, Callable[[str], Store]] = {
    "memory": _open_memory,
    "file": _open_file,
    "redis": _open_redis,
    "rediss": _open_redis,
    "unix": _open_redis,
}


def _refuse_rest(options: _Options) -> None:
    if options:
        raise ValueError(f"It has no option {min(options)!r}")


def _wrong_url(scheme: str, why: str) -> ConfigurationError:
    # The URL itself is not shown: it may hold a password.
    what = f"A URL with {scheme}:// names no store." if scheme else "This URL names no store."
    return ConfigurationError(
        Mistake(
            "COS-STORE-001",
            what,
            why=why,
            fix="open_store('memory://')\nopen_store('file:///var/lib/shop/store')\nopen_store('redis://localhost/0')",
        )
    )
