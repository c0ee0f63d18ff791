"""What travels between a transport and a handler: requests, responses, sockets, forms, files and streams.

Floor 1 of the house. It says what a request and a response *are* and how a body is read and sent, under every
transport alike; what speaks a protocol implements `Exchange`, what answers is a `Dispatch`. Whoever routes, binds or
serves lives above; what HTTP's values mean lives below, in `costrel.http`.

Read `exchange` (the seam), `request` and `response` first, then `content` (the one reader of bodies).
"""

from __future__ import annotations

from costrel.messages.body_stream import BodyStream, Part
from costrel.messages.callbacks import LateWork, begin_late_work, run_late_work
from costrel.messages.content import STREAMED, Content, SpooledContent, Streamed, read_content
from costrel.messages.dispatch import Application, BindableLayer, Dispatch, Layer, LayerInfo
from costrel.messages.event_stream import EventStream, ServerSentEvent
from costrel.messages.exchange import Exchange, RequestHead, TLSInfo, WebSocketChannel
from costrel.messages.extending import AppSetup, Extension, Responder
from costrel.messages.failure import Failure
from costrel.messages.file_body import FileBody, FileSlice
from costrel.messages.files import FileResponse, send_file
from costrel.messages.foreign_options import explain_foreign_option, refuse_options
from costrel.messages.forms import FormData, UploadFile, parse_form
from costrel.messages.forwarding import apply_forwarded
from costrel.messages.framing import (
    TRANSPORT_FIELDS,
    BodyFraming,
    BodyKind,
    check_block,
    frame_response,
    own_fields,
    sendable_lines,
)
from costrel.messages.json_body import JSONReader, check_json_shape, decode_json, is_bounded_type, is_json_media_type
from costrel.messages.limits import DEFAULT_LIMITS, MessageLimits
from costrel.messages.open_file import OpenFile
from costrel.messages.origin_check import check_origin
from costrel.messages.paused_step import PausedStep
from costrel.messages.request import Request, SessionKeeper, current_request
from costrel.messages.response import (
    HeaderInput,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Resolvable,
    Response,
    ResponseStream,
    SocketBody,
    TextResponse,
    encode_json,
    head_fields,
)
from costrel.messages.restating import forget_parsed, read_again_from
from costrel.messages.room import Room
from costrel.messages.route_options import OnFail, RouteOptions, TextAs
from costrel.messages.schedule_options import ScheduleOptions
from costrel.messages.sending import (
    ResponseSink,
    emit_finished,
    end_exchange,
    find_socket_body,
    run_response_callbacks,
    send_response,
)
from costrel.messages.settings import AppSettings, TrailingSlash, parse_setting
from costrel.messages.startup_variables import StartupVariables
from costrel.messages.state import State
from costrel.messages.store import LockLost, LockNotAcquired, Store, StoreLock, StoreUnavailable
from costrel.messages.stream_body import StreamBody
from costrel.messages.streaming import StreamResponse
from costrel.messages.views import AppView, MountView, RouteView, SessionView
from costrel.messages.websocket import SocketHandler, WebSocket, switching_response

__all__ = [
    "DEFAULT_LIMITS",
    "STREAMED",
    "TRANSPORT_FIELDS",
    "AppSettings",
    "AppSetup",
    "AppView",
    "Application",
    "BindableLayer",
    "BodyFraming",
    "BodyKind",
    "BodyStream",
    "Content",
    "Dispatch",
    "EventStream",
    "Exchange",
    "Extension",
    "Failure",
    "FileBody",
    "FileResponse",
    "FileSlice",
    "FormData",
    "HTMLResponse",
    "HeaderInput",
    "JSONReader",
    "JSONResponse",
    "LateWork",
    "Layer",
    "LayerInfo",
    "LockLost",
    "LockNotAcquired",
    "MessageLimits",
    "MountView",
    "OnFail",
    "OpenFile",
    "Part",
    "PausedStep",
    "RedirectResponse",
    "Request",
    "RequestHead",
    "Resolvable",
    "Responder",
    "Response",
    "ResponseSink",
    "ResponseStream",
    "Room",
    "RouteOptions",
    "RouteView",
    "ScheduleOptions",
    "ServerSentEvent",
    "SessionKeeper",
    "SessionView",
    "SocketBody",
    "SocketHandler",
    "SpooledContent",
    "StartupVariables",
    "State",
    "Store",
    "StoreLock",
    "StoreUnavailable",
    "StreamBody",
    "StreamResponse",
    "Streamed",
    "TLSInfo",
    "TextAs",
    "TextResponse",
    "TrailingSlash",
    "UploadFile",
    "WebSocket",
    "WebSocketChannel",
    "apply_forwarded",
    "begin_late_work",
    "check_block",
    "check_json_shape",
    "check_origin",
    "current_request",
    "decode_json",
    "emit_finished",
    "encode_json",
    "end_exchange",
    "explain_foreign_option",
    "find_socket_body",
    "forget_parsed",
    "frame_response",
    "head_fields",
    "is_bounded_type",
    "is_json_media_type",
    "own_fields",
    "parse_form",
    "parse_setting",
    "read_again_from",
    "read_content",
    "refuse_options",
    "run_late_work",
    "run_response_callbacks",
    "send_file",
    "send_response",
    "sendable_lines",
    "switching_response",
]
