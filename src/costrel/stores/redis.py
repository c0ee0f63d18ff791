"""`RedisStore`: a store in Redis, or a server that speaks its protocol, shared by processes on any number of hosts.

What must not be interrupted is a script that the server runs. Each loop has connections of its own. The server is
waited for a bounded time and asked once: whether a write that got no answer has happened is unknown, so the store does
not repeat it.

Under the prefix, values are at ``v:``, sets at ``m:``, sorted by their members' ends, locks at ``l:``.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

from costrel.messages import StoreLock
from costrel.stores.availability import Availability
from costrel.stores.checks import check_key, check_number, check_ttl, check_value
from costrel.stores.locking import hold_lock

__all__ = [
    "DEFAULT_CONNECT_TIMEOUT_SECONDS",
    "DEFAULT_MAX_CONNECTIONS",
    "DEFAULT_OPERATION_TIMEOUT_SECONDS",
    "RedisStore",
]

DEFAULT_MAX_CONNECTIONS = 50
DEFAULT_CONNECT_TIMEOUT_SECONDS = 0.5
DEFAULT_OPERATION_TIMEOUT_SECONDS = 1.0


class _Client(Protocol):
    """What is used of the package's client, which has no types for it."""

    async def execute_command(self, *words: str | bytes | int) -> object:
        """Send a command and return its answer."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class _Script:
    """A script and the digest under which the server remembers it."""

    text: str
    digest: str


def _script(text: str) -> _Script:
    return _Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


# Keys: the value. Arguments: "1" and the expected value or "0" and nothing, the new value, milliseconds or 0.
COMPARE_AND_SET = _script("""
local present = redis.call('GET', KEYS[1])
if ARGV[1] == '1' then
  if present ~= ARGV[2] then return 0 end
elseif present then
  return 0
end
if ARGV[4] == '0' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
return 1
""")
# The sum is read back as text: a number of a script has 53 bits.
INCREMENT = _script("""
local is_new = redis.call('EXISTS', KEYS[1]) == 0
redis.call('INCRBY', KEYS[1], ARGV[1])
if is_new and ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])
""")
NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# The whole set ends with its last member; members that are over go at each change.
SETTLE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if last[2] then
  if last[2] == 'inf' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], last[2]) end
end
"""
ADD_MEMBER = _script(f"""{NOW}
local last_moment = 'inf'
if ARGV[2] ~= '0' then last_moment = string.format('%.0f', now + ARGV[2]) end
redis.call('ZADD', KEYS[1], last_moment, ARGV[1])
{SETTLE}""")
REMOVE_MEMBER = _script(f"""{NOW}{SETTLE}
local removed = redis.call('ZREM', KEYS[1], ARGV[1])
{SETTLE}
return removed
""")
MEMBERS = _script(f"""{NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), 'inf')
""")
DELETE = _script(f"""{NOW}
local live = redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), 'inf')
redis.call('DEL', KEYS[2])
return redis.call('DEL', KEYS[1]) + live
""")
# Keys: the lock, the last token. The token is a time, so that a server that has lost its memory gives no old one.
ACQUIRE = _script("""
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('TIME')
local token = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if token <= last then token = last + 1 end
local text = string.format('%.0f', token)
redis.call('SET', KEYS[2], text)
return text
""")
EXTEND = _script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""")
RELEASE = _script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")


class RedisStore:
    """A store in Redis 5 or newer, or Valkey; see `costrel.messages.Store`.

    Args:
        url: ``redis://[[user]:password@]host[:port]/number``, ``rediss://…`` for TLS, or ``unix://path?db=number``.
        prefix: what all its keys begin with. Two applications on one server have different ones.
        max_connections: how many connections each loop opens at most, 1 or more; who finds none free waits.
        connect_timeout_seconds: how long a connection may take.
        operation_timeout_seconds: how long one operation may take, with what it waits for a connection.

    Raises:
        ImportError: the package ``redis`` is not installed.
        ValueError: it is no such URL.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "costrel:",
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        connect_timeout_seconds: float = DEFAULT_CONNECT_TIMEOUT_SECONDS,
        operation_timeout_seconds: float = DEFAULT_OPERATION_TIMEOUT_SECONDS,
    ) -> None:
        from redis.exceptions import NoScriptError, RedisError, ResponseError

        self._url = url
        self._name = _without_secrets(url)
        self._prefix = prefix.encode()
        self._max_connections = max_connections
        self._connect_timeout_seconds = connect_timeout_seconds
        self._operation_timeout_seconds = operation_timeout_seconds
        self._forgotten_script = NoScriptError
        self._refusal = ResponseError
        self._failure = RedisError
        self._availability = Availability(
            self._name, timeout_seconds=operation_timeout_seconds, failures=(RedisError, OSError)
        )
        self._guard = Lock()
        self._clients: dict[asyncio.AbstractEventLoop, _Client] = {}
        self._locks = _RedisLocks(self)
        # What is wrong with the URL shows at start-up; no connection is made for it.
        self._make_client()

    def __repr__(self) -> str:
        return f"<RedisStore {self._name}>"

    async def get(self, key: str) -> bytes | None:
        """Return the value under a key; see `Store.get`."""
        answer = await self.command("GET", self.name(b"v:", key))
        return answer if isinstance(answer, bytes) else None

    async def set(
        self, key: str, value: bytes, *, ttl_seconds: float | None = None, only_if_absent: bool = False
    ) -> bool:
        """Put a value under a key; see `Store.set`."""
        check_value(value)
        check_ttl(ttl_seconds)
        words: list[str | bytes | int] = [self.name(b"v:", key), value]
        if ttl_seconds is not None:
            words += "PX", milliseconds(ttl_seconds)
        if only_if_absent:
            words.append("NX")
        return bool(await self.command("SET", *words))

    async def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, *, ttl_seconds: float | None = None
    ) -> bool:
        """Put a value under a key, if the present one is the expected one; see `Store.compare_and_set`."""
        check_value(value)
        check_ttl(ttl_seconds)
        is_expected, present = ("0", b"") if expected is None else ("1", expected)
        names = [self.name(b"v:", key)]
        return bool(await self.call(COMPARE_AND_SET, names, is_expected, present, value, milliseconds(ttl_seconds)))

    async def increment(self, key: str, by: int = 1, *, ttl_seconds: float | None = None) -> int:
        """Add to the number under a key; see `Store.increment`."""
        check_number(by)
        check_ttl(ttl_seconds)
        answer = await self.call(INCREMENT, [self.name(b"v:", key)], by, milliseconds(ttl_seconds))
        if not isinstance(answer, bytes):
            raise ValueError("the value under this key is no number of 64 bits with a sign, or the sum would be none")
        return int(answer)

    async def delete(self, key: str) -> bool:
        """Forget the value and the members under a key; see `Store.delete`."""
        return bool(await self.call(DELETE, [self.name(b"v:", key), self.name(b"m:", key)]))

    async def add_member(self, key: str, member: str, *, ttl_seconds: float | None = None) -> None:
        """Add a member to the set under a key; see `Store.add_member`."""
        check_ttl(ttl_seconds)
        await self.call(ADD_MEMBER, [self.name(b"m:", key)], check_key(member), milliseconds(ttl_seconds))

    async def remove_member(self, key: str, member: str) -> bool:
        """Take a member out of the set under a key; see `Store.remove_member`."""
        return bool(await self.call(REMOVE_MEMBER, [self.name(b"m:", key)], check_key(member)))

    async def members(self, key: str) -> frozenset[str]:
        """Return the members of the set under a key; see `Store.members`."""
        answer = await self.call(MEMBERS, [self.name(b"m:", key)])
        found = answer if isinstance(answer, list) else []
        return frozenset(member.decode() for member in found)

    def lock(
        self, key: str, *, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> AbstractAsyncContextManager[StoreLock]:
        """Hold a lock in a block; see `Store.lock`."""
        return hold_lock(self._locks, key, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds)

    async def aclose(self) -> None:
        """Close the connections of the running loop; see `Store.aclose`."""
        with self._guard:
            client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            try:
                await client.aclose(close_connection_pool=True)
            except (self._failure, OSError):
                # A server that does not answer a farewell either; the connections are gone all the same.
                pass

    def name(self, kind: bytes, key: str) -> bytes:
        """Return the name that something has on the server."""
        return self._prefix + kind + check_key(key)

    async def command(self, *words: str | bytes | int) -> object:
        """Send one command and return the answer.

        Raises:
            StoreUnavailable: there was no answer in time, or a refusal.
        """
        return await self._availability.guard(self._execute(*words))

    async def call(self, script: _Script, names: list[bytes], *args: str | bytes | int) -> object:
        """Run a script on the server and return the answer; `None` when it met a value that is no number.

        Raises:
            StoreUnavailable: there was no answer in time, or a refusal.
        """
        return await self._availability.guard(self._call(script, names, *args))

    async def _execute(self, *words: str | bytes | int) -> object:
        return await self._client().execute_command(*words)

    async def _call(self, script: _Script, names: list[bytes], *args: str | bytes | int) -> object:
        try:
            return await self._execute("EVALSHA", script.digest, len(names), *names, *args)
        except self._forgotten_script:
            # A server that has been started since; this makes it remember.
            return await self._execute("EVAL", script.text, len(names), *names, *args)
        except self._refusal as error:
            if "not an integer" in str(error) or "would overflow" in str(error):
                return None
            raise

    def _client(self) -> _Client:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            with self._guard:
                # Loops that ended without `aclose` would stay for good.
                for ended in [other for other in self._clients if other.is_closed()]:
                    del self._clients[ended]
                client = self._clients[loop] = self._make_client()
        return client

    def _make_client(self) -> _Client:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=self._max_connections,
            # One clock for the whole of an operation, `Availability`'s; several that end together undo one another.
            timeout=None,
            socket_timeout=None,
            socket_connect_timeout=self._connect_timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        return Redis(connection_pool=pool)


class _RedisLocks:
    """The steps of locks."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    async def acquire(self, key: str, owner: bytes, ttl_seconds: float) -> int | None:
        names = [self._store.name(b"l:", key), self._store.name(b"t:", "last")]
        answer = await self._store.call(ACQUIRE, names, owner, milliseconds(ttl_seconds))
        return int(answer) if isinstance(answer, bytes) else None

    async def extend(self, key: str, owner: bytes, ttl_seconds: float) -> bool:
        names = [self._store.name(b"l:", key)]
        return bool(await self._store.call(EXTEND, names, owner, milliseconds(ttl_seconds)))

    async def release(self, key: str, owner: bytes) -> bool:
        return bool(await self._store.call(RELEASE, [self._store.name(b"l:", key)], owner))


def milliseconds(ttl_seconds: float | None) -> int:
    """Return a time to live as the server takes it, 1 or more; 0 for none."""
    return 0 if ttl_seconds is None else math.ceil(ttl_seconds * 1000)


def _without_secrets(url: str) -> str:
    """Return a URL without user, password and query, for the log."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}"
