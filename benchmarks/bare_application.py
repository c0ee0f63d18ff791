"""The smallest application: every request is answered with the same few bytes.

It shows what the server itself costs, with all limits and time-outs on and no framework above it. Run it pinned to one
core, ``taskset -c 0 python benchmarks/bare_application.py 8124``, and load it from the other one:
``taskset -c 1 wrk -t1 -c64 -d3s http://127.0.0.1:8124/``. `floor.py` is what it is compared with, in the same run.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from costrel.execution import LoopState
from costrel.messages import AppSettings, Request, Response
from costrel.server import ServerSettings, run


class BareApplication:
    """An `Application` whose dispatch does nothing."""

    name = "bare"
    settings = AppSettings()
    extensions: Mapping[str, object] = MappingProxyType({})
    debug = False

    async def dispatch(self, request: Request) -> Response:
        """Answer with five bytes."""
        return Response(b"Hello", media_type="text/plain; charset=utf-8")

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[LoopState]:
        """Start and end what is bound to the loop."""
        state = LoopState.start(asyncio.get_running_loop())
        try:
            yield state
        finally:
            await state.aclose(1.0)

    def listens(self, event: str) -> bool:
        """Say that nobody listens."""
        return False

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        """Tell nobody."""

    def url_for(self, name: str, /, **values: object) -> str:
        """There are no names."""
        raise LookupError(name)

    def make_globals(self) -> object:
        """Make an empty namespace."""
        return object()


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8124
    sys.exit(run(BareApplication(), ServerSettings(port=port)))
