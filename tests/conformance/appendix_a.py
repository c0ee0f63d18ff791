"""Raw HTTP/1.1 requests, most of them wrong, as data: a name, the bytes, and what a server must answer.

`VECTORS` maps a name to the bytes as they go over the wire. `ANSWERS` maps it to the statuses of all answers in their
order, each a set of those that are right; a name that is missing there must be answered by one 400. After the last
answer the connection is closed, unless the name stands in `STAYS_OPEN`. `ROWS` maps the attacks to their vectors.
"""

from __future__ import annotations

VECTORS: dict[str, bytes] = {}
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def v(name: str, data: bytes) -> None:
    """Add a vector."""
    VECTORS[name] = data


def C(name: str, body: bytes) -> None:
    """Add a vector with a chunked body."""
    v(name, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)


v("ok-get", b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
v("ok-chunked", b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
# CL/TE
v("cl-te", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED)
v("te-cl", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED)
v("cl-dup-same", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nZ")
v("cl-dup-diff", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\nZ")
v("cl-list-same", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nZ")
v("cl-plus", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nZ")
v("cl-minus", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nZ")
v("cl-underscore", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n0123456789")
v("cl-hex", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nZ")
v("cl-empty", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n")
v("cl-trailing-junk", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1Z\r\n\r\nZ")
v("cl-leading-zero", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0001\r\n\r\nZ")
v("cl-unicode-digit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \u0661\r\n\r\nZ".encode())
v("cl-2^64", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\nZ")
v("cl-10^4digits", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nZ")
v("cl-space-colon", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\nZ")
v("cl-x85", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length\x85: 1\r\n\r\nZ")
v("cl-nocolon", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length 1\r\n\r\nZ")
v("get-with-body", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
# TE
v("te-dup", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
v("te-dup-list", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")
v("te-identity-after", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")
v("te-identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n")
v("te-gzip-chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
v("te-xchunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")
v(
    "te-comma-chunked",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
)
v("te-quoted", b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n')
v("te-vtab", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n")
v("te-xa0", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \xa0chunked\r\n\r\n0\r\n\r\n")
v("te-http10", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
v("te-case", b"POST / HTTP/1.1\r\nHost: a\r\ntRANSFER-eNCODING: cHuNkEd\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
v("te-underscore", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc")
v("te-obsfold", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n")
# chunks
C("ch-0x", b"0x3\r\nabc\r\n0\r\n\r\n")
C("ch-plus", b"+3\r\nabc\r\n0\r\n\r\n")
C("ch-minus", b"-3\r\nabc\r\n0\r\n\r\n")
C("ch-underscore", b"0_3\r\nabc\r\n0\r\n\r\n")
C("ch-empty-size", b"\r\n\r\n")
C("ch-leading-ws", b"  3\r\nabc\r\n0\r\n\r\n")
C("ch-trailing-ws", b"3 \r\nabc\r\n0\r\n\r\n")
C("ch-size-overflow", b"10000000000000003\r\nabc\r\n0\r\n\r\n")
C("ch-huge-size", b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n")
C("ch-lf-size", b"3\nabc\r\n0\r\n\r\n")
C("ch-lf-data", b"3\r\nabc\n0\r\n\r\n")
C("ch-no-crlf-data", b"3\r\nabcXX0\r\n\r\n")
C("ch-ext-ok", b"3;a=b\r\nabc\r\n0\r\n\r\n")
C("ch-ext-lf", b"3;a\nxx\r\nabc\r\n0\r\n\r\n")
C("ch-ext-cr", b"3;a\rb\r\nabc\r\n0\r\n\r\n")
C("ch-ext-cr2", b"3\r\r;a\r\nabc\r\n0\r\n\r\n")
C("ch-ext-64k", b"3;" + b"a" * 65536 + b"\r\nabc\r\n0\r\n\r\n")
C("ch-ext-each", b"".join(b"1;" + b"x" * 1000 + b"\r\nA\r\n" for _ in range(300)) + b"0\r\n\r\n")
C("ch-tiny-5000", b"1\r\nA\r\n" * 5000 + b"0\r\n\r\n")
C("ch-trailer-ok", b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")
C("ch-trailer-cl", b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n")
C("ch-trailer-host", b"3\r\nabc\r\n0\r\nHost: evil\r\n\r\n")
C("ch-trailer-10k", b"3\r\nabc\r\n0\r\n" + b"".join(b"X-%d: v\r\n" % i for i in range(10000)) + b"\r\n")
C("ch-trailer-junk", b"0\r\nX:POST / HTTP/1.1\r\n\r\n")
C("ch-end-xx", b"0\r\nXX" + SMUGGLED)
C("ch-end-lf", b"0\n\n" + SMUGGLED)
C("ch-invalid-then-req", b"INVALID!!!\r\n" + SMUGGLED)
# line endings
v("lf-only", b"GET / HTTP/1.1\nHost: a\n\n")
v("lf-header", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n")
v("cr-header", b"GET / HTTP/1.1\r\nHost: a\r\nVisible: x\rSmuggled: y\r\n\r\n")
v("crlf-cr-X-end", b"GET / HTTP/1.1\r\nHost: a\r\n\rZGET /evil HTTP/1.1\r\nHost: a\r\n\r\n")
v("obs-fold", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n")
v("first-hdr-ws", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n")
v("leading-crlf", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
v("leading-crlf-10k", b"\r\n" * 10000 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
v("nul-value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n")
v("ctl-value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n")
v("del-value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n")
v("latin1-value", b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\n\r\n")
v("nul-name", b"GET / HTTP/1.1\r\nHost: a\r\nX\x00Y: a\r\n\r\n")
v("ctl-name", b"GET / HTTP/1.1\r\nHost: a\r\nX(Y): a\r\n\r\n")
v("nonascii-name", b"GET / HTTP/1.1\r\nHost: a\r\n\xefX: a\r\n\r\n")
v("space-name", b"GET / HTTP/1.1\r\nHost: a\r\nX Y: a\r\n\r\n")
v("empty-name", b"GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n")
v("empty-value", b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n")
v("no-colon", b"GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n")
v("underscore-dup", b"GET / HTTP/1.1\r\nHost: a\r\nX-User: real\r\nX_User: evil\r\n\r\n")
# request line
v("method-lower", b"get / HTTP/1.1\r\nHost: a\r\n\r\n")
v("method-unknown", b"FOOBAR / HTTP/1.1\r\nHost: a\r\n\r\n")
v("method-invalid", b'G=":<>(e),[T];?" / HTTP/1.1\r\nHost: a\r\n\r\n')
v("method-nul", b"\x00 / HTTP/1.1\r\nHost: a\r\n\r\n")
v("method-prefix-space", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n")
v("method-query", b"QUERY / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
v("method-64k", b"A" * 65536 + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
v("http09", b"GET /\r\n\r\n")
v("ver-1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n")
v("ver-1.32", b"GET / HTTP/1.32\r\nHost: a\r\n\r\n")
v("ver-2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n")
v("ver-9.9", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n")
v("ver-lower", b"GET / http/1.1\r\nHost: a\r\n\r\n")
v("ver-rtsp", b"GET / RTSP/1.0\r\nHost: a\r\n\r\n")
v("h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
v("tab-sep", b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n")
v("double-space", b"GET  /  HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-space", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-noslash", b"GET foo HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-at", b"GET @evil.com/ HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-bang", b"GET ! HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-empty", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-star-get", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-star-options", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-abs", b"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-abs-mismatch", b"GET http://evil/x HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-abs-userinfo", b"GET http://u:p@a/x HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-authority-get", b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-connect", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")
v("target-fragment", b"GET /x#frag HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-dslash", b"GET //evil.com/x HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-backslash", b"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-nul", b"GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-pct00", b"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-badpct", b"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-utf8raw", "GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode())
v("target-latin1raw", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-dotdot", b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-16k", b"GET /" + b"a" * 16384 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-64k", b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
v("target-1M", b"GET /" + b"a" * 1048576 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
# host
v("host-missing", b"GET / HTTP/1.1\r\n\r\n")
v("host-missing-10", b"GET / HTTP/1.0\r\n\r\n")
v("host-empty", b"GET / HTTP/1.1\r\nHost:\r\n\r\n")
v("host-dup", b"GET / HTTP/1.1\r\nHost: a\r\nHost: evil\r\n\r\n")
v("host-list", b"GET / HTTP/1.1\r\nHost: a, evil\r\n\r\n")
v("host-slash", b"GET /admin HTTP/1.1\r\nHost: a/?\r\n\r\n")
v("host-at", b"GET / HTTP/1.1\r\nHost: u@evil\r\n\r\n")
v("host-space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
v("host-badport", b"GET / HTTP/1.1\r\nHost: a:99999999\r\n\r\n")
# sizes
v("hdr-100", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: v\r\n" % i for i in range(100)) + b"\r\n")
v("hdr-1000", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: v\r\n" % i for i in range(1000)) + b"\r\n")
v("hdr-10000", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: v\r\n" % i for i in range(10000)) + b"\r\n")
v("hdr-val-16k", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 16384 + b"\r\n\r\n")
v("hdr-val-64k", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 65536 + b"\r\n\r\n")
v("hdr-val-1M", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1048576 + b"\r\n\r\n")
v("hdr-val-8M", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (8 * 1048576) + b"\r\n\r\n")
v("hdr-name-64k", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X" * 65536 + b": a\r\n\r\n")
v("hdr-same-3000", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: v\r\n" * 3000 + b"\r\n")
# misc semantics
v("expect-100", b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
v("expect-bogus", b"POST / HTTP/1.1\r\nHost: a\r\nExpect: bogus\r\nContent-Length: 3\r\n\r\nabc")
v("pipeline-2", b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
v("pipeline-bad2nd", b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nInvalid\r\n\r\n")
v("close-then-req", b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + SMUGGLED)
v(
    "upgrade-h2c",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
)
v(
    "upgrade-ws-post",
    b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n\r\n",
)
v(
    "upgrade-body-smuggle",
    b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED,
)
v("conn-strip-host", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Host\r\n\r\n")
v("head", b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
v("trace", b"TRACE / HTTP/1.1\r\nHost: a\r\nCookie: s=1\r\n\r\n")
v("tls-hello", bytes.fromhex("16030100a5010000a10303" + "00" * 40))
v("garbage", bytes(range(256)) * 4)

OK = {200}
ANSWERS: dict[str, tuple[set[int], ...]] = {
    "ok-get": (OK,),
    "ok-chunked": (OK,),
    "cl-leading-zero": (OK,),
    "get-with-body": (OK,),
    "te-gzip-chunked": ({501},),
    "te-xchunked": ({400, 501},),
    "te-identity": ({400, 501},),
    "te-case": (OK,),
    "te-underscore": (OK,),
    "ch-size-overflow": ({400, 413},),
    "ch-huge-size": ({400, 413},),
    "ch-ext-ok": (OK,),
    "ch-ext-64k": ({400, 413},),
    "ch-ext-each": ({400, 413},),
    "ch-tiny-5000": (OK,),
    "ch-trailer-ok": (OK,),
    "ch-trailer-10k": ({431},),
    "ch-trailer-junk": (OK,),
    "leading-crlf": (OK,),
    "latin1-value": (OK,),
    "empty-value": (OK,),
    "underscore-dup": (OK,),
    "method-unknown": ({501},),
    "method-query": (OK,),
    "http09": ({400, 505},),
    "ver-1.2": ({400, 505},),
    "ver-1.32": ({400, 505},),
    "ver-2.0": ({505},),
    "ver-9.9": ({400, 505},),
    "ver-rtsp": ({505},),
    "h2-preface": ({400, 505},),
    "target-star-options": (OK,),
    "target-abs": (OK,),
    "target-connect": ({501},),
    "target-dslash": (OK,),
    "target-dotdot": (OK,),
    "target-16k": ({414},),
    "target-64k": ({414},),
    "target-1M": ({414},),
    "host-missing-10": (OK,),
    "hdr-100": ({431},),
    "hdr-1000": ({431},),
    "hdr-10000": ({431},),
    "hdr-val-16k": ({431},),
    "hdr-val-64k": ({431},),
    "hdr-val-1M": ({431},),
    "hdr-val-8M": ({431},),
    "hdr-name-64k": ({431},),
    "hdr-same-3000": ({431},),
    "expect-100": (OK,),
    "expect-bogus": ({417},),
    "pipeline-2": (OK, OK),
    "pipeline-bad2nd": (OK, {400}),
    "close-then-req": (OK,),
    "upgrade-h2c": (OK,),
    "conn-strip-host": (OK,),
    "head": (OK,),
    "trace": (OK,),
}
STAYS_OPEN = {name for name, answers in ANSWERS.items() if answers[-1] == OK} - {
    "close-then-req",
    "conn-strip-host",
    "host-missing-10",
}

ROWS: dict[str, tuple[str, ...]] = {
    "A1": ("cl-te",),
    "A2": ("te-cl",),
    "A3": ("cl-dup-same", "cl-list-same"),
    "A4": ("cl-dup-diff",),
    "A5": (
        "cl-plus",
        "cl-minus",
        "cl-underscore",
        "cl-hex",
        "cl-empty",
        "cl-trailing-junk",
        "cl-unicode-digit",
        "cl-2^64",
        "cl-10^4digits",
        "cl-leading-zero",
    ),
    "A6": ("cl-space-colon", "cl-x85", "cl-nocolon"),
    "A7": ("te-dup", "te-dup-list"),
    "A8": (
        "te-identity",
        "te-identity-after",
        "te-xchunked",
        "te-quoted",
        "te-vtab",
        "te-xa0",
        "te-comma-chunked",
        "te-case",
    ),
    "A9": ("te-gzip-chunked",),
    "A10": ("te-http10",),
    "A11": ("te-obsfold", "obs-fold", "first-hdr-ws"),
    "A12": ("lf-only", "lf-header"),
    "A13": ("cr-header", "crlf-cr-X-end"),
    "A14": ("ch-0x", "ch-plus", "ch-minus", "ch-underscore", "ch-empty-size", "ch-leading-ws", "ch-trailing-ws"),
    "A15": ("ch-size-overflow", "ch-huge-size"),
    "A16": ("ch-lf-size", "ch-lf-data", "ch-no-crlf-data", "ch-end-lf", "ch-end-xx"),
    "A17": ("ch-ext-ok",),
    "A18": ("ch-ext-lf", "ch-ext-cr", "ch-ext-cr2"),
    "A19": ("ch-ext-64k", "ch-ext-each"),
    "A20": ("ch-tiny-5000", "ok-chunked"),
    "A21": ("ch-trailer-ok", "ch-trailer-host", "ch-trailer-cl", "ch-trailer-10k", "ch-trailer-junk"),
    "A22": ("ch-invalid-then-req",),
    "A24": (
        "nul-value",
        "ctl-value",
        "del-value",
        "nul-name",
        "ctl-name",
        "nonascii-name",
        "space-name",
        "empty-name",
        "no-colon",
        "empty-value",
    ),
    "A25": ("latin1-value",),
    "A26": ("underscore-dup", "te-underscore"),
    "A27": ("method-lower", "method-invalid", "method-nul", "method-prefix-space", "method-64k"),
    "A28": ("method-unknown", "method-query"),
    "A29": ("http09", "ver-1.2", "ver-1.32", "ver-2.0", "ver-9.9", "ver-lower", "ver-rtsp", "h2-preface"),
    "A30": ("double-space", "tab-sep", "target-space"),
    "A31": (
        "target-noslash",
        "target-at",
        "target-bang",
        "target-empty",
        "target-authority-get",
        "target-star-get",
        "target-star-options",
    ),
    "A32": ("target-abs", "target-abs-mismatch", "target-abs-userinfo"),
    "A33": (
        "target-fragment",
        "target-backslash",
        "target-nul",
        "target-pct00",
        "target-badpct",
        "target-utf8raw",
        "target-latin1raw",
        "target-dslash",
        "target-dotdot",
    ),
    "A34": ("target-connect",),
    "A35": ("target-16k", "target-64k", "target-1M"),
    "A36": (
        "host-missing",
        "host-missing-10",
        "host-dup",
        "host-empty",
        "host-list",
        "host-slash",
        "host-at",
        "host-space",
        "host-badport",
    ),
    "A37": ("hdr-100", "hdr-1000", "hdr-10000", "hdr-same-3000"),
    "A38": ("hdr-val-16k", "hdr-val-64k", "hdr-val-1M", "hdr-val-8M", "hdr-name-64k"),
    "A39": ("leading-crlf", "leading-crlf-10k"),
    "A40": ("expect-100", "expect-bogus"),
    "A41": ("pipeline-2", "pipeline-bad2nd"),
    "A42": ("close-then-req",),
    "A43": ("upgrade-h2c",),
    "A44": ("upgrade-ws-post", "upgrade-body-smuggle"),
    "A45": ("conn-strip-host",),
    "A46": ("trace",),
    "A47": ("tls-hello", "garbage"),
}
"""The vectors of each attack, by its row in the list of attacks; those that are no attack stand under none."""
