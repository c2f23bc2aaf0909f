"""The download guard against real servers on this machine; only name resolution is made up."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import httpcore
import numpy as np
import pytest

from tests.ingest.samples import encoded, gradient
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import MediaFormatError, MediaLimitError, MediaSourceError
from vitron_agent.ingest import Limits, ingest
from vitron_agent.ingest.download import download, is_public

PNG = encoded(gradient(), "PNG")
LOOPBACK = (ip_network("127.0.0.0/8"),)
ALLOWED = Limits(allow_http=True, allow_networks=LOOPBACK)
NO_ADDRESSES = (
    "https://[",
    "https://[::1",
    "http://photos.example:port/",
    "//photos.example:port/",
    "http://1.2.3.999/",
    "x" * 70_000,
)


class Pages(BaseHTTPRequestHandler):
    """``/photo.png``, redirects, and servers that misbehave."""

    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.seen.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
        name, _, argument = self.path.strip("/").partition("/")
        getattr(self, f"do_{name.partition('.')[0]}", self.do_missing)(argument)

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for key, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_photo(self, _: str) -> None:
        self.reply(PNG, Content_Type="text/html")

    def do_login(self, _: str) -> None:
        self.reply(b"<!doctype html><p>log in</p>", Content_Type="image/png")

    def do_missing(self, _: str) -> None:
        self.reply(b"gone", 404)

    def do_to(self, target: str) -> None:
        self.reply(b"", 302, Location=target.replace("%2F", "/"))

    def do_broken(self, number: str) -> None:
        self.reply(b"", 302, Location=NO_ADDRESSES[int(number)])

    def do_loop(self, _: str) -> None:
        self.reply(b"", 307, Location=self.path)

    def do_nowhere(self, _: str) -> None:
        self.reply(b"", 301)

    def do_packed(self, _: str) -> None:
        self.reply(PNG, Content_Encoding="gzip")

    def do_huge(self, _: str) -> None:
        self.reply(b"", Content_Length="999999999")

    def do_short(self, _: str) -> None:
        self.reply(PNG[:20], Content_Length=str(len(PNG)))
        self.close_connection = True

    def do_endless(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"\x89PNG" * 1000)

    def do_dripping(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.05)

    def do_hanging(self, _: str) -> None:
        time.sleep(2)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def serve(host: str = "127.0.0.1", secure: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[dict[str, str]]]]:
    handler = type("RecordingPages", (Pages,), {"seen": []})
    server = ThreadingHTTPServer((host, 0), handler)
    server.daemon_threads = True
    if secure is not None:
        server.socket = secure.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1], handler.seen  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server() -> Iterator[tuple[int, list[dict[str, str]]]]:
    yield from serve()


def always(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


def test_a_picture_is_fetched_from_an_allowed_network(
    store: ArtifactStore, server: tuple[int, list[dict[str, str]]]
) -> None:
    port, seen = server

    ref = ingest(f"http://127.0.0.1:{port}/photo.png?size=large", store=store, limits=ALLOWED)

    assert np.array_equal(store.image(ref), gradient())
    assert seen[0]["host"] == f"127.0.0.1:{port}"
    assert seen[0]["path"] == "/photo.png?size=large"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0.0.0.0"])
def test_this_machine_is_refused_without_touching_it(
    store: ArtifactStore, server: tuple[int, list[dict[str, str]]], host: str
) -> None:
    port, seen = server

    with pytest.raises(MediaSourceError, match=r"is not public; .*Limits\(allow_networks=\.\.\.\)"):
        ingest(f"http://{host}:{port}/photo.png", store=store, limits=Limits(allow_http=True))

    assert seen == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1", "100::1",
    ],
)  # fmt: skip
def test_addresses_of_this_side_are_not_public(address: str) -> None:
    assert not is_public(address)

    with pytest.raises(MediaSourceError, match="is not public"):
        download("https://photos.example/x.png", Limits(), resolve=always(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_an_allowed_network_is_allowed_however_it_is_written() -> None:
    assert is_public("::ffff:127.0.0.1", LOOPBACK)
    assert is_public("fd00::5", (ip_network("fd00::/16"),))
    assert not is_public("10.0.0.1", LOOPBACK)


def test_one_private_address_among_public_ones_is_refused(server: tuple[int, list[dict[str, str]]]) -> None:
    port, seen = server

    for answer in (("8.8.8.8", "10.0.0.1"), ("127.0.0.1", "10.0.0.1")):
        with pytest.raises(MediaSourceError, match=r"10\.0\.0\.1 is not public"):
            download(f"http://photos.example:{port}/photo.png", ALLOWED, resolve=always(*answer))

    assert seen == []


def test_an_answer_that_changes_does_not_matter(server: tuple[int, list[dict[str, str]]]) -> None:
    port, seen = server
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["169.254.169.254"]])

    with download(f"http://photos.example:{port}/photo.png", ALLOWED, resolve=lambda *_: next(answers)) as file:
        assert file.read() == PNG

    assert list(answers) == [["169.254.169.254"]] * 2  # asked once, connected to that very answer
    assert seen[0]["host"] == f"photos.example:{port}"


def test_the_next_address_is_tried(server: tuple[int, list[dict[str, str]]]) -> None:
    port, _ = server  # bound to 127.0.0.1 alone

    with download(f"http://x.example:{port}/photo.png", ALLOWED, resolve=always("127.0.0.2", "127.0.0.1")) as file:
        assert file.read() == PNG


def test_redirects_are_followed_through_the_same_checks(server: tuple[int, list[dict[str, str]]]) -> None:
    port, seen = server
    limits = Limits(allow_http=True, allow_networks=(ip_network("127.0.0.1/32"),))
    base = f"http://127.0.0.1:{port}"

    with download(f"{base}/to//photo.png", limits) as file:
        assert file.read() == PNG
    for target, words in (
        (f"http://127.0.0.2:{port}/photo.png", "not public"),
        ("http://169.254.169.254/latest/meta-data", "not public"),
        ("http://[::1]/", "not public"),
        ("file:///etc/passwd", "only https and http"),
        ("gopher://127.0.0.1/", "only https and http"),
    ):
        with pytest.raises(MediaSourceError, match=words):
            download(f"{base}/to/{target}", limits)
    for path in ("loop", "nowhere"):
        with pytest.raises(MediaSourceError, match=r"more than 5 redirects \(Limits\(max_redirects=\.\.\.\)\)"):
            download(f"{base}/{path}", limits)

    assert sum(entry["path"] == "/loop" for entry in seen) == 6


@pytest.mark.parametrize("number", range(len(NO_ADDRESSES)))
def test_redirects_to_what_is_no_address_are_refused(server: tuple[int, list[dict[str, str]]], number: int) -> None:
    with pytest.raises(MediaSourceError):
        download(f"http://127.0.0.1:{server[0]}/broken/{number}", ALLOWED)


def test_plain_http_needs_a_setting(server: tuple[int, list[dict[str, str]]]) -> None:
    with pytest.raises(
        MediaSourceError, match=r"only https addresses are read; allow it with Limits\(allow_http=True\)"
    ):
        download(f"http://127.0.0.1:{server[0]}/photo.png", Limits(allow_networks=LOOPBACK))


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("missing", MediaSourceError, "answered 404"),
        ("packed", MediaSourceError, "compressed"),
        ("short", MediaSourceError, "cannot be downloaded"),
        ("huge", MediaLimitError, r"999,999,999 bytes.*Limits\(max_bytes"),
        ("endless", MediaLimitError, r"bytes or more.*Limits\(max_bytes"),
        ("dripping", MediaLimitError, r"too slow.*Limits\(download_seconds"),
        ("hanging", MediaLimitError, r"too slow.*Limits\(download_seconds"),
    ],
)
def test_bad_servers_are_left_in_time(
    server: tuple[int, list[dict[str, str]]], path: str, error: type[Exception], words: str
) -> None:
    limits = ALLOWED.model_copy(update={"max_bytes": 100_000, "download_seconds": 0.5})
    start = time.monotonic()

    with pytest.raises(error, match=words):
        download(f"http://127.0.0.1:{server[0]}/{path}", limits)

    assert time.monotonic() - start < 3


def test_the_content_decides_not_the_declared_type(
    store: ArtifactStore, server: tuple[int, list[dict[str, str]]]
) -> None:
    with pytest.raises(MediaFormatError, match="HTML page"):
        ingest(f"http://127.0.0.1:{server[0]}/login", store=store, limits=ALLOWED)


def test_proxies_of_the_environment_are_not_used(
    server: tuple[int, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")

    with download(f"http://127.0.0.1:{server[0]}/photo.png", ALLOWED) as file:
        assert file.read() == PNG


def test_what_cannot_be_reached_is_named() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(MediaSourceError, match="cannot be downloaded"):
            download(f"http://127.0.0.1:{port}/x", ALLOWED)
    with pytest.raises(MediaSourceError, match=r"photos\.example: its address cannot be found"):
        download("https://photos.example/x", Limits(), resolve=unknown)
    with pytest.raises(MediaSourceError, match="cannot be downloaded"):
        download("https://photos.example/x", Limits(), resolve=always())


def test_messages_do_not_repeat_secrets(server: tuple[int, list[dict[str, str]]], store: ArtifactStore) -> None:
    with pytest.raises(MediaSourceError) as refused:
        ingest(f"http://127.0.0.1:{server[0]}/missing?token=hunter2", store=store, limits=ALLOWED)

    assert "hunter2" not in str(refused.value)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for photos.example with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=photos.example",
               "-addext", "subjectAltName=DNS:photos.example", "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env={**os.environ, "RANDFILE": "rnd"})
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text())
    return both


def test_tls_checks_the_name_while_the_address_is_pinned(certificate: Path) -> None:
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate)
    names: list[str | None] = []
    secure.sni_callback = lambda _, name, __: names.append(name)
    trusting = httpcore.default_ssl_context()
    trusting.load_verify_locations(certificate)
    resolve = always("127.0.0.1")

    for port, seen in serve(secure=secure):
        with download(f"https://photos.example:{port}/photo.png", ALLOWED, resolve=resolve, ssl_context=trusting) as f:
            assert f.read() == PNG
        with pytest.raises(MediaSourceError, match="cannot be downloaded"):
            download(f"https://other.example:{port}/photo.png", ALLOWED, resolve=resolve, ssl_context=trusting)
        with pytest.raises(MediaSourceError, match="cannot be downloaded"):
            download(f"https://photos.example:{port}/photo.png", ALLOWED, resolve=resolve)
        assert len(seen) == 1
        assert names[:2] == ["photos.example", "other.example"]
