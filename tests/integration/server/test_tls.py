"""TLS over real sockets: what is negotiated, what an application sees, time limits, and a change of certificates."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from costrel import App, Request, session
from costrel.app import AppSettings
from costrel.errors import ConfigurationError
from costrel.messages import TLSInfo
from costrel.server import ServerSettings
from costrel.server.tls import Certificates, expiry_of

pytestmark = pytest.mark.integration
GET = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"
Certify = Callable[..., tuple[Path, Path]]


def files(certificate: Path, key: Path) -> dict[str, str]:
    return {"tls_certificate_path": str(certificate), "tls_key_path": str(key)}


def trusting(*certificates: Path) -> ssl.SSLContext:
    """A client that knows these certificates."""
    context = ssl.create_default_context()
    for certificate in certificates:
        context.load_verify_locations(certificate)
    return context


@asynccontextmanager
async def tls_client(net: Any, server: Any, context: ssl.SSLContext, name: str = "shop.example") -> AsyncIterator[Any]:
    host, _, port = server.addresses[0].rpartition(":")
    client = net.Client(*await asyncio.open_connection(host, int(port), ssl=context, server_hostname=name))
    try:
        yield client
    finally:
        client.close()


def telling_app() -> App:
    """An application that tells what it knows of the connection, and has a session."""
    app = App(settings=AppSettings(secret_key="k" * 32))

    @app.get("/")
    async def index(request: Request) -> dict[str, object]:
        session["seen"] = True
        tls = request.exchange.tls
        assert tls is None or isinstance(tls, TLSInfo)
        return {"scheme": request.scheme, "tls": None if tls is None else [tls.version, tls.cipher, tls.server_name]}

    @app.post("/size")
    async def size(request: Request) -> str:
        await request.read()
        return str(len(request.body))

    return app


@pytest.mark.parametrize(
    ("version", "cipher"),
    [
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (ssl.TLSVersion.TLSv1_3, "TLS_AES_256_GCM_SHA384"),
    ],
    ids=["1.2", "1.3"],
)
def test_what_an_application_sees(run: Any, net: Any, certify: Certify, version: ssl.TLSVersion, cipher: str) -> None:
    """Scheme, version, cipher and the name that was asked for; the session's cookie is for https alone."""
    certificate, key = certify()
    context = trusting(certificate)
    context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def main() -> None:
        async with (
            net.running(telling_app(), **files(certificate, key)) as server,
            tls_client(net, server, context) as client,
        ):
            for _ in range(2):
                await client.send(GET)
                status, fields, content = await client.answer()

                assert 200 == status
                assert (
                    b'{"scheme":"https","tls":["%b","%b","shop.example"]}'
                    % (
                        version.name.replace("_", ".").encode(),
                        cipher.encode(),
                    )
                    == content
                )
                assert "Secure" in fields["set-cookie"]
            assert "http/1.1" == client.writer.get_extra_info("ssl_object").selected_alpn_protocol()

    run(main)


def test_large_bodies(run: Any, net: Any, certify: Certify, caplog: pytest.LogCaptureFixture) -> None:
    """A body of many records arrives whole, over a connection that is used again, and its end is not in the log."""
    certificate, key = certify()
    content = bytes(900_000)

    async def main() -> None:
        async with (
            net.running(telling_app(), **files(certificate, key)) as server,
            tls_client(net, server, trusting(certificate)) as client,
        ):
            for _ in range(2):
                await client.send(
                    b"POST /size HTTP/1.1\r\nHost: shop.example\r\nContent-Length: %d\r\n\r\n" % len(content) + content
                )

                assert b"900000" == (await client.answer())[2]
            client.close()
            assert await net.until(lambda: not server._core.connections)

    run(main)

    assert [] == [record.getMessage() for record in caplog.records if "SSL" in record.getMessage().upper()]


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(
            {"maximum_version": ssl.TLSVersion.TLSv1_1, "minimum_version": ssl.TLSVersion.TLSv1_1}, id="tls-1.1"
        ),
        pytest.param({"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE+AES128+SHA256"}, id="cbc"),
        pytest.param({"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "AESGCM+kRSA"}, id="no-forward-secrecy"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_what_is_too_old_is_refused(run: Any, net: Any, certify: Certify, limits: dict[str, Any]) -> None:
    """No handshake with a version before 1.2 or with a cipher without forward secrecy and authentication."""
    certificate, key = certify()
    context = trusting(certificate)
    context.set_ciphers(limits.get("ciphers", "ALL:@SECLEVEL=0"))
    context.minimum_version = limits.get("minimum_version", ssl.TLSVersion.TLSv1_2)
    context.maximum_version = limits["maximum_version"]

    async def main() -> None:
        async with net.running(telling_app(), **files(certificate, key)) as server:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                async with tls_client(net, server, context):
                    pass
            async with tls_client(net, server, trusting(certificate)) as client:
                await client.send(GET)

                assert 200 == (await client.answer())[0]

    run(main)


@pytest.mark.security("I9")
@pytest.mark.parametrize("sent", [b"", bytes.fromhex("16030100a5010000a10303"), GET], ids=["nothing", "part", "http"])
def test_handshake_that_is_not_finished(run: Any, net: Any, certify: Certify, sent: bytes) -> None:
    """It ends at its time limit, or at once when it is none, and others are served meanwhile."""
    certificate, key = certify()

    async def main() -> None:
        settings = {**files(certificate, key), "tls_handshake_timeout_seconds": 0.4}
        async with net.running(telling_app(), **settings) as server, net.client(server) as slow:
            began = time.monotonic()
            if sent:
                await slow.send(sent)
            async with tls_client(net, server, trusting(certificate)) as client:
                await client.send(GET)

                assert 200 == (await client.answer())[0]

            rest = await slow.rest(3)

            assert b"HTTP" not in rest
            assert time.monotonic() - began < 2.5
            if sent != GET:
                assert time.monotonic() - began >= 0.35

    run(main)


def test_handshakes_are_counted(run: Any, net: Any, certify: Certify) -> None:
    """Connections that stand in the middle of a handshake count, and beyond the limit a new one is closed at once."""
    certificate, key = certify()

    async def main() -> None:
        async with net.running(telling_app(), max_connections=3, **files(certificate, key)) as server:
            host, _, port = server.addresses[0].rpartition(":")
            waiting = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
            assert await net.until(lambda: len(server._entrance._entering) == 3)
            async with net.client(server) as over:
                assert b"" == await over.rest(2)
            for _, writer in waiting:
                writer.close()
            assert await net.until(lambda: not server._entrance._entering)
            async with tls_client(net, server, trusting(certificate)) as client:
                await client.send(GET)

                assert 200 == (await client.answer())[0]

    run(main)


def test_new_certificate_without_a_lost_connection(run: Any, net: Any, certify: Certify, caplog: Any) -> None:
    """After a reload new connections get the new certificate, the open one goes on, and a bad file changes nothing."""
    certificate, key = certify("shop.example")
    newer, newer_key = certify("new.example")

    async def main() -> None:
        context = trusting(certificate, newer)
        async with (
            net.running(telling_app(), **files(certificate, key)) as server,
            tls_client(net, server, context) as old,
        ):
            await old.send(GET)
            await old.answer()
            key.write_bytes(newer_key.read_bytes())

            assert not server.reload_certificates()
            assert "belongs to another certificate" in caplog.text

            async with tls_client(net, server, context) as same:
                await same.send(GET)

                assert 200 == (await same.answer())[0]

            certificate.write_bytes(newer.read_bytes())

            assert server.reload_certificates()

            async with tls_client(net, server, context, "new.example") as new:
                await new.send(GET)

                assert b'"new.example"]' in (await new.answer())[2]

            with pytest.raises(ssl.SSLCertVerificationError):
                async with tls_client(net, server, context, "shop.example"):
                    pass
            await old.send(GET)

            assert 200 == (await old.answer())[0]

    run(main)


@pytest.mark.security("R34")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_hangup_reloads_in_a_process(process: Any, certify: Certify, loop: str) -> None:
    """SIGHUP loads the files again, while a connection with the old certificate is used before and after."""
    certificate, key = certify("shop.example")
    newer, newer_key = certify("new.example")
    context = trusting(certificate, newer)
    served = process(loop, **files(certificate, key))
    with context.wrap_socket(served.connect(), server_hostname="shop.example") as old:
        old.sendall(GET)

        assert old.recv(65536).startswith(b"HTTP/1.1 200 ")

        certificate.write_bytes(newer.read_bytes())
        key.write_bytes(newer_key.read_bytes())
        served.popen.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while "certificate_reloaded" not in served.log:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with context.wrap_socket(served.connect(), server_hostname="new.example") as new:
            new.sendall(GET)

            assert new.recv(65536).startswith(b"HTTP/1.1 200 ")

        old.sendall(GET)

        assert old.recv(65536).startswith(b"HTTP/1.1 200 ")
    served.terminate()

    assert 0 == served.wait()


def test_stop_answers_what_has_arrived(process: Any, certify: Certify) -> None:
    """A request in flight over TLS is answered when the server is told to stop, and the connection says goodbye."""
    certificate, key = certify()
    served = process(**files(certificate, key))
    with trusting(certificate).wrap_socket(served.connect(), server_hostname="shop.example") as client:
        client.sendall(b"GET /wait/30 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        timer = threading.Timer(0.1, served.terminate)
        timer.start()
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        timer.join()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"waited")
    assert 0 == served.wait()


def wrong_files(kind: str, certify: Certify) -> tuple[dict[str, Any], str]:
    """Settings that cannot work, and what is said about them."""
    certificate, key = certify(password="correct horse" if "password" in kind else "")
    gone = certificate.with_name("gone.pem")
    empty = certificate.with_name("empty.pem")
    empty.write_text("")
    return {
        "no-certificate": (files(gone, key), f"There is no file {gone}"),
        "no-key": (files(certificate, gone), f"There is no file {gone}"),
        "key-of-another": (files(certificate, certify()[1]), "belongs to another certificate"),
        "empty-certificate": (files(empty, key), "is no certificate, or"),
        "empty-key": (files(certificate, empty), "is no certificate, or"),
        "key-not-beside-it": ({"tls_certificate_path": str(certificate)}, "does not have both"),
        "no-password": (files(certificate, key), "has a password"),
        "wrong-password": ({**files(certificate, key), "tls_key_password": "battery staple"}, "has a password"),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "no-certificate",
        "no-key",
        "key-of-another",
        "empty-certificate",
        "empty-key",
        "key-not-beside-it",
        "no-password",
        "wrong-password",
    ],
)
def test_files_that_cannot_be_used(certify: Certify, kind: str) -> None:
    """The start is refused, the reason names the file, and nobody is asked for a password or shown one."""
    settings, why = wrong_files(kind, certify)
    with pytest.raises(ConfigurationError) as caught:
        Certificates(ServerSettings(**settings))

    assert "COS-SERVER-003" == caught.value.code
    assert why in str(caught.value)
    assert "staple" not in str(caught.value)


def test_server_with_wrong_files_starts_nothing(run: Any, net: Any, certify: Certify) -> None:
    """The certificate is read before the application starts, and the socket is closed again."""
    settings, _ = wrong_files("key-of-another", certify)
    started: list[str] = []
    app = App()
    app.on_start(lambda: started.append("started"))

    async def main() -> None:
        with pytest.raises(ConfigurationError):
            async with net.running(app, **settings):
                pass

        assert [] == started

    run(main)


def test_key_with_a_password(certify: Certify) -> None:
    """With the right one the certificate can be used."""
    certificate, key = certify(password="correct horse")
    certificates = Certificates(ServerSettings(**files(certificate, key), tls_key_password="correct horse"))

    assert isinstance(certificates.context, ssl.SSLContext)


def test_one_file_for_both(certify: Certify) -> None:
    """Certificate and key may stand in the same file."""
    certificate, key = certify()
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())

    assert isinstance(Certificates(ServerSettings(tls_certificate_path=str(certificate))).context, ssl.SSLContext)


@pytest.mark.parametrize(("days", "is_expired"), [(0, False), (1.9, False), (2.1, True)])
def test_expired_certificate(certify: Certify, caplog: pytest.LogCaptureFixture, days: float, is_expired: bool) -> None:
    """A certificate that is too old is used, for the one that replaces it may come any moment, and the log says so."""
    certificate, key = certify()
    Certificates(ServerSettings(**files(certificate, key)), lambda: datetime.now(UTC) + timedelta(days=days))

    assert is_expired == ("certificate_expired" in caplog.text)


def test_expiry(certify: Certify) -> None:
    """The end of a certificate is what was asked of openssl."""
    der = ssl.PEM_cert_to_DER_cert(certify()[0].read_text())

    assert abs(expiry_of(der) - datetime.now(UTC) - timedelta(days=2)) < timedelta(minutes=1)


def test_expiry_of_what_is_no_certificate(certify: Certify) -> None:
    """Cut anywhere within what is read of it, it is refused and nothing else."""
    der = ssl.PEM_cert_to_DER_cert(certify()[0].read_text())
    for size in range(60):
        with pytest.raises(ValueError, match="no certificate"):
            expiry_of(der[:size])


def test_plain_socket_is_not_touched(run: Any, net: Any) -> None:
    """Without a certificate there is no entrance, no TLS and no https."""

    async def main() -> None:
        async with net.running(telling_app()) as server, net.client(server) as client:
            await client.send(GET)

            assert b'{"scheme":"http","tls":null}' == (await client.answer())[2]
            assert server._entrance is None
            assert server.reload_certificates()
            assert isinstance(client.writer.get_extra_info("socket").family, socket.AddressFamily)

    run(main)
