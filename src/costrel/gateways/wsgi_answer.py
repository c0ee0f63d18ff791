"""Answering one request of a WSGI server on the loop, from the dispatch to the teardown.

It is the same pipeline as everywhere. A whole response is told to the server's thread when the exchange has ended, so
that the usual request costs that thread one wait; only what has to follow the last byte keeps it longer.
"""

from __future__ import annotations

import logging
import os
import time
from typing import BinaryIO

from costrel.errors import ClientDisconnected, HTTPError
from costrel.gateways.answering import INTERNAL_ERROR, emit_end
from costrel.gateways.wsgi_exchange import WSGIExchange
from costrel.gateways.wsgi_loop import LoopThread
from costrel.messages import (
    Application,
    FileBody,
    Request,
    Response,
    check_block,
    end_exchange,
    frame_response,
    own_fields,
    run_late_work,
    run_response_callbacks,
    send_response,
)

__all__ = ["answer"]

logger: logging.Logger = logging.getLogger("costrel.gateway")


async def answer(application: Application, loop_thread: LoopThread, request: Request, exchange: WSGIExchange) -> None:
    """Answer a request; whatever comes of it, the server's thread is told the end.

    Args:
        application: what answers.
        loop_thread: where this runs; it has started.
        request: as the server has brought it.
        exchange: its seam.
    """
    running = loop_thread.running
    started_at = time.perf_counter() if running.listens_finished else 0.0
    response: Response | None = None
    failure: BaseException | None = None
    try:
        response = await application.dispatch(request)
        if request.response_callbacks is not None:
            response = await run_response_callbacks(request, response)
        exchange.holds_head = type(response.body) is bytes
        if type(response.body) is not FileBody or not await _send_as_file(exchange, request, response, response.body):
            await send_response(exchange, request, response)
    except ClientDisconnected:
        if exchange.status_code or exchange.is_aborted:
            failure = ConnectionAbortedError(f"the response to {request.method} {request.path!r} was cut off")
        if not exchange.is_aborted:
            logger.info("client_disconnected method=%s path=%.200r status_code=499", request.method, request.path)
            exchange.status_code = 499
            application.emit("client_disconnected", {"request": request})
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if exchange.status_code:
            failure = error
        else:
            logger.exception("response_failed method=%s path=%.200r", request.method, request.path)
            await exchange.refuse(error.status_code if isinstance(error, HTTPError) else 500, INTERNAL_ERROR)
    finally:
        try:
            if request.end_callbacks is not None:
                # What follows the last byte of a whole response waits until the server comes back.
                await exchange.hand_over()
            await end_exchange(request, response)
            if not running.has_plain_ends:
                emit_end(application, running, request, exchange, started_at)
        finally:
            exchange.finish(failure)
            try:
                if request.late_work is not None:
                    await run_late_work(request.late_work)
            finally:
                loop_thread.leave(exchange)
                del failure


async def _send_as_file(exchange: WSGIExchange, request: Request, response: Response, body: FileBody) -> bool:
    """Leave a file to the server, if all is as its wrapper wants it; return whether it is.

    A wrapper sends up to the end of the file, and nobody is told when it has. So it gets only what ends there, of
    requests that leave nothing to be done after the last byte.
    """
    if exchange.file_wrapper is None or request.end_callbacks is not None or not body.is_plain:
        return False
    framing = frame_response(response, request.method, body.content_length)
    if not framing.is_sent or framing.content_length != body.count:
        return False
    file = await exchange.caller.submit(_open_again, body)
    if file is None:
        return False
    try:
        fields = own_fields(response)
        check_block(b"".join([part for line in fields for part in line]), 0)
        exchange.holds_head = True
        fields.append((b"content-length", b"%d" % body.count))
        await exchange.send_head(response.status_code, fields, has_trailers=False)
        exchange.send_file(file, body.count)
    except BaseException:
        file.close()
        raise
    finally:
        await body.aclose()
    return True


def _open_again(body: FileBody) -> BinaryIO | None:
    """Return a file of the server's own at the first byte to be sent, or `None` when the file does not end with it."""
    try:
        file = os.fdopen(os.dup(body.fileno()), "rb", buffering=0)
    except OSError:
        return None
    if os.fstat(file.fileno()).st_size != body.offset + body.count:
        file.close()
        return None
    file.seek(body.offset)
    return file
