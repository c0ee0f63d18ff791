"""A WSGI application as a `Dispatch`: Flask, Django, any callable of PEP 3333.

The application runs in worker threads, its content streams both ways, and it ends with its request. What it sees of the
request is in `wsgi_environ`, what its threads do in `wsgi_call`, and how the request's task waits for them in
`wsgi_body`.

Spec: PEP 3333.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, cast

from costrel.errors import ContentTooLarge
from costrel.execution import Lane, LoopState, Outcome, RunProfile, run_with_deadline
from costrel.messages import Request, Response, TextResponse
from costrel.mounts.wsgi_body import WSGIBody, answer_of
from costrel.mounts.wsgi_call import WSGIApplication, WSGICall
from costrel.mounts.wsgi_environ import make_environ
from costrel.mounts.wsgi_errors import MountErrors
from costrel.mounts.wsgi_input import ArrivingContent, open_content, open_kept_content
from costrel.mounts.wsgi_mistakes import no_start

__all__ = ["WSGIMount"]


class WSGIMount:
    """A WSGI application that answers requests.

    Args:
        application: any callable of PEP 3333.
        threads: how many threads may call the application at the same time, 1 or more; `None` shares those of the
            handlers. A response that is streamed goes on in threads that such calls cannot occupy.
        name: for messages and for the logger ``costrel.mount.<name>`` that `wsgi.errors` leads to.

    Attributes:
        kind: ``wsgi``.
        mode: ``thread``.

    Raises:
        ValueError: `threads` is less than 1.
    """

    def __init__(self, application: WSGIApplication, *, threads: int | None = None, name: str = "") -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads is 1 or more, not {threads}")
        self.application: WSGIApplication = application
        self.threads: int | None = threads
        self.name: str = name
        self.kind: Literal["wsgi"] = "wsgi"
        self.mode: Literal["thread"] = "thread"
        self._errors = MountErrors(name)
        self._profile = RunProfile()

    def __repr__(self) -> str:
        return f"<WSGIMount {self.name or self.application!r}>"

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer a request by calling the application; ``SCRIPT_NAME`` is where it is mounted.

        Raises:
            Exception: what the application raised before its head was known.
            ProgrammerError: COS-MOUNT-101 to COS-MOUNT-107, it broke a rule of PEP 3333.
            ContentTooLarge: the content of the request is over `Request.max_body_bytes`.
            ClientDisconnected: the client left while the application read.
            DeadlineExceeded: it took longer than `Request.deadline_seconds`.
            ServiceUnavailable: there was no thread for it in time.
        """
        if request.deadline_at is None and not request.is_websocket:
            return self._answer(request)
        return self._answer_specially(request)

    def lifespan(self, loop_state: LoopState) -> AbstractAsyncContextManager[None]:
        """Start the application's own threads on a loop, if it has any; leaving it ends them."""
        return self._run(loop_state)

    @asynccontextmanager
    async def _run(self, loop_state: LoopState) -> AsyncIterator[None]:
        if self.threads is None:
            yield
            return
        settings = loop_state.settings
        lane = Lane(
            f"mount-{self.name}" if self.name else "mount",
            threads=self.threads,
            loop=loop_state.loop,
            max_waiting=settings.max_waiting,
            queue_timeout_seconds=settings.thread_queue_timeout_seconds,
        )
        loop_state.values[self] = lane
        try:
            yield
        finally:
            del loop_state.values[self]
            await lane.close(settings.graceful_timeout_seconds)

    async def _answer(self, request: Request) -> Response:
        exchange = request.exchange
        loop_state = exchange.loop_state
        worker = request.worker
        call = WSGICall(self.application, self.name, loop_state.loop, worker.caller is None)
        arriving: ArrivingContent | None = None
        declared_bytes = request.content_length
        limit_bytes = request.max_body_bytes
        if limit_bytes is not None and declared_bytes is not None and declared_bytes > limit_bytes:
            raise ContentTooLarge(f"The body is larger than {limit_bytes} bytes.")
        kept = open_kept_content(request)
        if kept is None:
            arriving = ArrivingContent(request, call.wake)
            content = open_content(arriving)
        else:
            content = kept[0]
        environ = call.environ = make_environ(
            request,
            script_name=request.root_path + request.mount_prefix,
            path_info=request.route_path,
            input=content,
            errors=self._errors,
        )
        if kept is not None and declared_bytes is None and kept[1]:
            # It came in chunks and is all here: applications that know no chunks can read it too.
            environ["CONTENT_LENGTH"] = str(kept[1])
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        lane = cast("Lane | None", loop_state.values.get(self)) or loop_state.lane_for(worker)
        body = WSGIBody(request, call, arriving)
        try:
            await body.begin(lane, self._profile)
        except BaseException as error:
            if await body.abandon() and isinstance(error, CancelledError):
                self._report_abandoned(request)
            raise
        head = call.head
        if head is None:
            raise no_start(self.name)
        return answer_of(request, call, head, body)

    async def _answer_specially(self, request: Request) -> Response:
        """Refuse a WebSocket, which WSGI does not know, and hold a request to its deadline."""
        if request.is_websocket:
            return TextResponse("No WebSocket is spoken here.", 400)
        at = request.deadline_at
        if at is None:
            return await self._answer(request)
        loop = request.exchange.loop_state.loop
        response = await run_with_deadline(request.claim, loop, at, self._answer(request))
        request.claim.take(Outcome.COMPLETED)
        return response

    def _report_abandoned(self, request: Request) -> None:
        """Emit ``worker_abandoned``: a thread works on for nobody."""
        if request.app is not None:
            request.app.emit("worker_abandoned", {"request": request, "handler": self.name or repr(self)})
