"""Where sessions, caches, locks and idempotency keep what outlives a request: memory, a folder, Redis.

All of them are a `costrel.messages.Store`; `open_store` makes one of a URL. `memory`, `file` and `redis` are the three,
`checks` and `locking` what they have in common, `availability` what happens when one does not answer.
"""

from __future__ import annotations

from costrel.messages import LockLost, LockNotAcquired, Store, StoreLock, StoreUnavailable
from costrel.stores.file import FileStore
from costrel.stores.memory import MemoryStore
from costrel.stores.opening import open_store
from costrel.stores.redis import RedisStore

__all__ = [
    "FileStore",
    "LockLost",
    "LockNotAcquired",
    "MemoryStore",
    "RedisStore",
    "Store",
    "StoreLock",
    "StoreUnavailable",
    "open_store",
]
