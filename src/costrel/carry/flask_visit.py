"""One request's stay in a Flask application: how it comes in, how its answer goes out, and how it ends.

All code of Flask and of the old application runs in one thread (`visit_thread`), and in the one context that the steps
of a request in threads have, so that what Flask sets there can be unset there. What is set in that context is visible
to the handler, wherever it runs.

When a deadline has left the thread behind with the handler in it, the visit ends when that has returned. The functions
after the request do not run then: the answer is not the handler's, and the handler is still inside.
"""

from __future__ import annotations

import io
import logging
from contextvars import Context, ContextVar, Token
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from flask import Flask, Response as FlaskResponse
from flask.ctx import RequestContext
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from costrel.carry.flask_mistakes import two_sessions, unknown_route
from costrel.carry.flask_sessions import OUR_REQUEST, can_share_session, cookie_name_of
from costrel.carry.flask_translation import Translated, from_werkzeug
from costrel.carry.visit_thread import VisitThread
from costrel.errors import HTTPError, ProgrammerError, RequestAbandoned, ServiceUnavailable
from costrel.execution import LaneJob, Outcome, hop
from costrel.messages import Request, Response
from costrel.mounts import make_environ

__all__ = ["FlaskVisit", "VisitOptions"]

logger: logging.Logger = logging.getLogger("costrel.carry")

_inside: ContextVar[bool] = ContextVar("costrel_inside_flask")


@dataclass(frozen=True, slots=True)
class VisitOptions:
    """How requests visit a Flask application; see `flask_context`."""

    hooks: bool
    endpoint: str | None
    mounted_at: str


class FlaskVisit:
    """The visit of one request.

    `enter`, `answer`, `leave` and `end` are awaited on the loop; what ends in ``_here`` runs in a thread.

    Args:
        flask_app: the application.
        options: how.
    """

    __slots__ = (
        "_answer",
        "_context",
        "_failure",
        "_flask_app",
        "_has_answered",
        "_input",
        "_is_over",
        "_options",
        "_shares_session",
        "_thread",
        "_threads_context",
        "_token",
    )

    def __init__(self, flask_app: Flask, options: VisitOptions) -> None:
        self._flask_app = flask_app
        self._options = options
        self._context: RequestContext | None = None
        self._token: Token[bool] | None = None
        self._threads_context: Context | None = None
        self._input: BinaryIO = io.BytesIO()
        self._answer: FlaskResponse | None = None
        self._failure: BaseException | None = None
        self._thread: VisitThread | None = None
        self._shares_session = self._has_answered = self._is_over = False

    async def enter(self, request: Request) -> FlaskResponse | None:
        """Push the context and run the functions before the request; return what one of them has answered.

        Args:
            request: its body has been read.

        Raises:
            Exception: what one of them raised and the Flask application does not answer.
            ProgrammerError: COS-CARRY-002, the Flask application does not know the route.
        """
        worker = request.worker
        if worker.caller is None:
            worker.caller = self._thread = VisitThread(request.exchange.loop_state)
        self._input = _open_content(request)
        request.on_end(self.end)
        try:
            return await hop(request.exchange.loop_state.handlers, worker, self._enter_here, request)
        finally:
            self._threads_context = worker.context

    async def answer(self, request: Request, outcome: Response | FlaskResponse) -> Response:
        """Run the functions after the request and return its response; unless that is a stream, the visit ends here.

        Args:
            request: the request.
            outcome: the response of our handler, or what `enter` has returned.

        Raises:
            Exception: what one of the functions raised.
        """
        if isinstance(outcome, Response):
            if request.claim.outcome is Outcome.ABANDONED:
                return outcome
            self._note(outcome.exception)
        self._has_answered = True
        lane = request.exchange.loop_state.handlers
        response = await hop(lane, request.worker, self._answer_here, (request, outcome))
        if self._is_over:
            self._let_go(request)
        if isinstance(outcome, Response) and response is not outcome:
            close = getattr(outcome.body, "aclose", None)
            if close is not None:
                await close()
        return response

    async def leave(self, request: Request) -> None:
        """End the visit of a request that somebody else answers."""
        self._has_answered = True
        await self.end(request)

    async def end(self, request: Request) -> None:
        """Pop the context, which runs the functions of teardown; nothing happens when that was done."""
        if self._is_over:
            return
        if not self._has_answered and self._failure is None:
            self._failure = RequestAbandoned()
        has_ended = False
        try:
            has_ended = await hop(request.exchange.loop_state.cleanup, request.worker, self._end_here, None)
        finally:
            if not has_ended:
                self._end_later(request)
            self._let_go(request)

    def _let_go(self, request: Request) -> None:
        """Give the thread back."""
        thread, self._thread = self._thread, None
        if thread is not None:
            request.worker.caller = None
            thread.stop()

    def _note(self, failure: BaseException | None) -> None:
        """Keep an exception for the functions of teardown; an answer by way of an exception is no failure."""
        if not isinstance(failure, HTTPError | HTTPException):
            self._failure = failure

    def _enter_here(self, request: Request) -> FlaskResponse | None:
        flask_app = self._flask_app
        script_name, path_info = _split_path(request, self._options.mounted_at)
        environ = make_environ(request, script_name=script_name, path_info=path_info, input=self._input)
        if can_share_session(flask_app, request):
            self._shares_session = True
            environ[OUR_REQUEST] = request
        context = self._context = flask_app.request_context(environ)
        self._token = _inside.set(True)
        try:
            context.push()
            self._find_route(request, context)
            if not self._options.hooks:
                return None
            try:
                value = flask_app.preprocess_request()
            except Exception as error:
                value = flask_app.handle_user_exception(error)
            return None if value is None else flask_app.make_response(value)
        except Exception as error:
            self._note(error)
            raise

    def _find_route(self, request: Request, context: RequestContext) -> None:
        """See to it that Flask knows which of its routes this is, as far as it has one."""
        theirs, endpoint = context.request, self._options.endpoint
        if endpoint is not None:
            theirs.url_rule = Rule("/", endpoint=endpoint) if endpoint else None
            theirs.view_args = dict(request.path_params)
            return
        if theirs.url_rule is not None:
            return
        if context.url_adapter is not None:
            # To us a path with a final slash and one without are the same route.
            twin = theirs.path[:-1] if theirs.path.endswith("/") else f"{theirs.path}/"
            try:
                theirs.url_rule, values = context.url_adapter.match(twin, return_rule=True)
                theirs.view_args = dict(values)
                return
            except HTTPException:
                pass
        if self._options.hooks and request.route is not None:
            raise ProgrammerError(unknown_route(request.method, theirs.path, request.route.handler))

    def _answer_here(self, arguments: tuple[Request, Response | FlaskResponse]) -> Response:
        request, outcome = arguments
        if isinstance(outcome, Response):
            translated = Translated(self._flask_app, outcome)
            theirs = self._finish_here(request, translated.theirs)
            response = translated.take_back(theirs)
            if response is outcome:
                self._answer = theirs
        else:
            response = from_werkzeug(self._finish_here(request, outcome))
        if isinstance(response.body, bytes):
            self._end_here(None)
        return response

    def _finish_here(self, request: Request, theirs: FlaskResponse) -> FlaskResponse:
        """Run the functions after the request and save the session that is Flask's."""
        if self._options.hooks:
            theirs = self._flask_app.process_response(theirs)
        else:
            self._save_session(theirs)
        if not self._shares_session:
            self._watch_session(request, theirs)
        return theirs

    def _save_session(self, theirs: FlaskResponse) -> None:
        interface = self._flask_app.session_interface
        if self._context is not None and not interface.is_null_session(self._context.session):
            interface.save_session(self._flask_app, self._context.session, theirs)

    def _watch_session(self, request: Request, theirs: FlaskResponse) -> None:
        """Find out, when all layers are through, whether the cookie that Flask has set is to be ours too."""
        name = self._flask_app.session_interface.get_cookie_name(self._flask_app)
        is_set = any(value.startswith(f"{name}=") for value in theirs.headers.getlist("Set-Cookie"))
        if is_set and name == cookie_name_of(request):
            request.on_response(partial(_refuse_two_sessions, name))

    def _end_here(self, _: None) -> bool:
        """End the visit, if this is the context in which it began; tell whether it has ended."""
        token, context = self._token, self._context
        if self._is_over or token is None or context is None:
            return self._is_over
        try:
            _inside.reset(token)
        except ValueError:
            return False
        self._is_over = True
        failure, self._failure, self._context, self._token = self._failure, None, None, None
        try:
            if self._answer is not None:
                self._answer.close()
            context.pop(failure)
        except Exception:
            # What it answers has been decided; like our own teardown hooks these cannot change it.
            logger.exception("flask_teardown_failed application=%s", self._flask_app.name)
        finally:
            self._input.close()
            del failure
        return True

    def _end_later(self, request: Request) -> None:
        """End the visit in its own thread and context, after the step that the thread was left behind with."""
        caller, context = self._thread or request.worker.caller, self._threads_context
        if caller is None or context is None:
            return
        submit = caller.submit_behind if isinstance(caller, VisitThread) else caller.submit
        job = submit(self._end_left_here, None, context)
        try:
            # Whoever stops the application waits for it.
            request.exchange.loop_state.supervisor.spawn(
                _wait_for, job, origin=f"flask_context of {request.path[:200]}"
            )
        except ServiceUnavailable:
            logger.exception("flask_context_unsupervised path=%r", request.path[:200])

    def _end_left_here(self, _: None) -> None:
        # Without a token the step that was to come in has never begun.
        self._is_over = self._end_here(None) or self._token is None


async def _wait_for(job: LaneJob[None]) -> None:
    await job


def _open_content(request: Request) -> BinaryIO:
    content = request.kept_content
    if content is None or isinstance(content, bytes):
        return io.BytesIO(content or b"")
    return content.open()


def _split_path(request: Request, mounted_at: str) -> tuple[str, str]:
    """Return where the Flask application is, and the path as it sees it."""
    root_path = request.root_path
    script_name = root_path + mounted_at
    path = request.path
    if path == script_name or path.startswith(f"{script_name}/"):
        return script_name, path[len(script_name) :]
    return script_name, path.removeprefix(root_path)


def _refuse_two_sessions(name: str, request: Request, response: Response) -> None:
    ours = request.opened_session
    if ours is not None and ours.modified:
        raise ProgrammerError(two_sessions(name))
