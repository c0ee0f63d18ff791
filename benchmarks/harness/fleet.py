"""The servers that are compared, all running at once on one core; all but the one that is asked are idle."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from harness.contenders import Contender
from harness.environments import Environments
from harness.serving import Server, free_port, serving

__all__ = ["Fleet"]


class Fleet:
    """Starts servers, keeps them running, and ends them at the end of its block.

    Args:
        environments: where they are installed.
    """

    def __init__(self, environments: Environments) -> None:
        self._environments = environments
        self._running: dict[str, tuple[ExitStack, Server]] = {}

    def __enter__(self) -> Fleet:
        """Begin without a server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End every server."""
        for name in list(self._running):
            self.stop(name)

    def start(self, contender: Contender) -> Server:
        """Return the server of a contender, started unless it runs.

        Raises:
            DidNotStart: it did not listen.
        """
        stack, server = self._running.get(contender.name, (None, None))
        if stack is not None and server is not None and server.is_running:
            return server
        self.stop(contender.name)
        stack, port = ExitStack(), free_port()
        command = self._environments.command_of(contender, port)
        folder = self._environments.folder_of(contender)
        server = stack.enter_context(serving(command, port, folder, {"NODE_ENV": "production"}))
        self._running[contender.name] = stack, server
        return server

    def stop(self, name: str) -> None:
        """End a server, if it was started."""
        if name in self._running:
            self._running.pop(name)[0].close()
