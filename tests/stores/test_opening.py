"""`open_store`: which URL opens what, and what is said about one that opens nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from costrel.errors import ConfigurationError
from costrel.stores import FileStore, MemoryStore, RedisStore, open_store


def test_memory_is_opened() -> None:
    """Each time a new one, with its bounds in the query."""

    async def scenario() -> bytes | None:
        store = open_store("memory://?max_items=1&max_bytes=10000")
        assert isinstance(store, MemoryStore)
        await store.set("a", b"1")
        await store.set("b", b"2")
        return await store.get("a")

    assert asyncio.run(scenario()) is None


def test_a_folder_is_opened(tmp_path: Path) -> None:
    """Also one with a space in its path."""
    assert isinstance(open_store(f"file://{tmp_path}/a%20store?is_synced=1"), FileStore)
    assert (tmp_path / "a store").is_dir()


@pytest.mark.parametrize("scheme", ["redis://:secret@host:1/3", "rediss://host/3", "unix:///run/redis.sock"])
def test_a_server_is_opened_without_a_connection(scheme: str) -> None:
    """It connects at its first use, and shows no password."""
    pytest.importorskip("redis")
    store = open_store(f"{scheme}?prefix=shop:&max_connections=3&operation_timeout_seconds=0.5")

    assert isinstance(store, RedisStore)
    assert b"shop:v:a" == store.name(b"v:", "a")
    assert "secret" not in repr(store)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("memory", id="no-scheme"),
        pytest.param("memcached://host", id="unknown-scheme"),
        pytest.param("memory://here", id="memory-with-a-place"),
        pytest.param("memory://?max_items=many", id="no-number"),
        pytest.param("memory://?max_items=0", id="no-room"),
        pytest.param("memory://?size=1", id="unknown-option"),
        pytest.param("file://path/of/a/folder", id="two-slashes"),
        pytest.param("file://", id="no-folder"),
        pytest.param("file:///tmp/x?is_synced=yes", id="no-bit"),
    ],
)
def test_what_names_no_store_is_refused(url: str) -> None:
    """With a code, and the form that it has."""
    with pytest.raises(ConfigurationError, match="COS-STORE-001"):
        open_store(url)


def test_a_mistake_shows_no_password() -> None:
    """The URL may hold one, and the message goes to the log."""
    with pytest.raises(ConfigurationError) as caught:
        open_store("rdis://:s3cret@host/0")

    assert "s3cret" not in str(caught.value)


def test_without_the_package_the_extra_is_named() -> None:
    """A process in which it cannot be found is told what to install; memory works there."""
    code = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "redis" else find(name, package)
from costrel.stores import open_store
open_store("memory://")
try:
    open_store("redis://localhost/0")
except Exception as error:
    print(error)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "COS-STORE-002" in printed
    assert "pip install 'costrel[redis]'" in printed


def test_the_room_imports_no_client() -> None:
    """Who uses memory does not pay for Redis."""
    code = "import sys; from costrel.stores import open_store; open_store('memory://'); print('redis' in sys.modules)"

    assert "False\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
