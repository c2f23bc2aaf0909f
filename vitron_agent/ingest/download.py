"""Downloads for the gate, guarded against reaching what only this machine can reach (SSRF).

Every host name is resolved here, every address it has must be public, and the connection is made to one of those very
addresses: an answer of the name server that changes later cannot matter. TLS still checks the certificate of the name.
Redirects are followed by hand, each through the same checks. Proxies and environment settings are not used.
"""

import contextlib
import ipaddress
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, BinaryIO, cast

import httpcore
import httpx

from vitron_agent.errors import MediaLimitError, MediaSourceError
from vitron_agent.limits import Limits

Resolver = Callable[[str, int], list[str]]
"""From host name and port to its IP addresses; raises OSError."""

_NAT64 = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
_STEP_SECONDS = 10.0
_IN_MEMORY = 32 * 1024**2


def download(
    url: str, limits: Limits, *, resolve: Resolver | None = None, ssl_context: ssl.SSLContext | None = None
) -> BinaryIO:
    """Fetches a medium from a public address.

    Args:
        url: Where from; ``https:``, or ``http:`` where ``limits.allow_http``.
        limits: Size, time, redirects, and networks that are allowed although not public.
        resolve: How names become addresses; None = the system's resolver.
        ssl_context: Whom TLS trusts; None = certifi's list.

    Returns:
        The body, rewound; in memory up to 32 MB, then in an unnamed temporary file.

    Raises:
        MediaSourceError: The address may not be read, or cannot be.
        MediaLimitError: It is too large or takes too long.
    """
    deadline = _Deadline(limits.download_seconds)
    backend = _GuardedBackend(limits, resolve or system_addresses, deadline)
    with httpcore.ConnectionPool(ssl_context=ssl_context, network_backend=backend, retries=0) as pool:
        address = _checked_url(url, limits)
        for _ in range(limits.max_redirects + 1):
            with _understanding(address, limits), _request(pool, address) as response:
                location = _redirect(response)
                if location is None:
                    return _body(response, address, limits)
            address = _checked_url(location, limits, base=address)
    raise MediaSourceError(f"{_name(address)}: more than {limits.max_redirects} redirects (Limits(max_redirects=...))")


def system_addresses(host: str, port: int) -> list[str]:
    """Asks the system's resolver; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str, allowed: Iterable[IPv4Network | IPv6Network] = ()) -> bool:
    """Whether an IP address is one of the public internet, or in an allowed network.

    Addresses that carry another one inside (IPv4-mapped, 6to4, NAT64) are judged by the one inside.
    """
    ip = _unwrapped(ipaddress.ip_address(address))
    if any(ip in network for network in allowed if network.version == ip.version):
        return True
    inside = ip.is_multicast or ip.is_reserved or ip.is_unspecified or (ip.version == 6 and ip.is_site_local)
    return ip.is_global and not inside


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv6Address):
        if any(ip in network for network in _NAT64):
            return IPv4Address(int(ip) & 0xFFFF_FFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip


class _Deadline:
    """Time that is left for the whole download."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def cap(self, timeout: float | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is up")
        return min(left, _STEP_SECONDS, timeout or _STEP_SECONDS)


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, limits: Limits, resolve: Resolver, deadline: _Deadline) -> None:
        self._limits, self._resolve, self._deadline = limits, resolve, deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise MediaSourceError(f"{host}: its address cannot be found ({error}); check the address") from error
        for address in addresses:
            if not is_public(address, self._limits.allow_networks):
                raise MediaSourceError(
                    f"{host}: its address {address} is not public; download the file yourself, or allow the network "
                    "with Limits(allow_networks=...)"
                )
        failure: Exception = httpcore.ConnectError("it has no address")
        for address in addresses:
            try:
                stream = self._backend.connect_tcp(
                    address, port, self._deadline.cap(timeout), local_address, socket_options
                )
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cap(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cap(timeout))
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _checked_url(url: str, limits: Limits, base: httpx.URL | None = None) -> httpx.URL:
    try:
        address = base.join(url) if base else httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise MediaSourceError(f"{url[:200]}: it is not an address ({error})") from error
    schemes = ("https", "http") if limits.allow_http else ("https",)
    if address.scheme not in schemes:
        hint = "; allow it with Limits(allow_http=True)" if address.scheme == "http" else ""
        raise MediaSourceError(f"{_name(address)}: only {' and '.join(schemes)} addresses are read{hint}")
    if not address.host or address.userinfo:
        raise MediaSourceError(f"{_name(address)}: an address needs a host and must not hold a password")
    return address


def _request(pool: httpcore.ConnectionPool, address: httpx.URL) -> AbstractContextManager[httpcore.Response]:
    url = httpcore.URL(
        scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path
    )  # fmt: skip
    headers = [(b"Host", address.netloc), (b"User-Agent", b"vitron-agent"), (b"Accept", b"image/*, video/*"),
               (b"Accept-Encoding", b"identity")]  # fmt: skip
    return pool.stream("GET", url, headers=headers)


def _redirect(response: httpcore.Response) -> str | None:
    if response.status not in (301, 302, 303, 307, 308):
        return None
    return _header(response, b"location") or ""


def _body(response: httpcore.Response, address: httpx.URL, limits: Limits) -> BinaryIO:
    if response.status != 200:
        raise MediaSourceError(f"{_name(address)}: the server answered {response.status}; check the address")
    if (_header(response, b"content-encoding") or "identity") != "identity":
        raise MediaSourceError(f"{_name(address)}: the server sent it compressed, which was not asked for")
    declared = _header(response, b"content-length") or "0"
    limits.check("max_bytes", int(declared) if declared.isdecimal() else 0, _name(address), "bytes")
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - handed to the caller
    try:
        num_bytes = 0
        for block in response.iter_stream():
            num_bytes += len(block)
            limits.check("max_bytes", num_bytes, _name(address), "bytes or more")
            file.write(block)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return cast("BinaryIO", file)


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _name(address: httpx.URL) -> str:
    """The address without query, which may hold a secret."""
    return f"{address.scheme}://{address.host}{address.path}"[:200]


@contextlib.contextmanager
def _understanding(address: httpx.URL, limits: Limits) -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise MediaLimitError(
            f"{_name(address)}: the server is too slow; try again, or allow more than {limits.download_seconds:g} s "
            "with Limits(download_seconds=...)"
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
        raise MediaSourceError(f"{_name(address)}: it cannot be downloaded ({error})") from error
