"""Media made in code: PNG of every depth, ICC profiles, clips."""

import io
import struct
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image


def gradient(height: int = 12, width: int = 17, channels: int = 3) -> np.ndarray:
    """uint8 with no two rows, columns or channels alike."""
    rows, columns = np.mgrid[:height, :width]
    planes = [rows * 13 + columns * 5, 255 - rows * 11, columns * 14, 40 + rows * 9 + columns]
    return (np.stack(planes[:channels], axis=-1) % 256).astype(np.uint8)


def encoded(array: np.ndarray, form: str, *, mode: str | None = None, **options: Any) -> bytes:
    """A picture file by Pillow."""
    image = Image.fromarray(array)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, form, **options)
    return buffer.getvalue()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(array: np.ndarray, color_type: int, *extra: bytes, size: tuple[int, int] | None = None) -> bytes:
    """A PNG of 8 or 16 bits; ``extra`` chunks come before the pixels, ``size`` (width, height) may lie."""
    height, width = array.shape[:2]
    depth = array.dtype.itemsize * 8
    rows = array.astype(array.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", *(size or (width, height)), depth, color_type, 0, 0, 0)
    body = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(filtered)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    illuminant = struct.pack(">iii", 63190, 65536, 54061)
    head = struct.pack(">I4sI4s4s4s", offset + len(body), b"lcms", 0x02400000, device, space, connection)
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + illuminant + b"\0" * 48
    return head + table + body


WHITE_POINT = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)


def grey_profile(gamma: float) -> bytes:
    """A grey profile with a pure power curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": WHITE_POINT, b"kTRC": curve})


def cmyk_profile() -> bytes:
    """A CMYK profile in which every ink is the same neutral grey: 0 ink = white, all ink = black."""
    identity = bytes(range(256))
    corners = b"".join(bytes([255 - round(ink * 255 / 4), 128, 128]) for ink in _ink_sums())
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + identity * 4 + corners + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": WHITE_POINT, b"A2B0": table})


def _ink_sums() -> list[int]:
    return [bin(corner).count("1") for corner in range(16)]


def clip(
    codec: str = "libx264", form: str = "mp4", *, frames: int = 12, size: tuple[int, int] = (64, 48), rate: int = 12,
    pixels: str = "yuv420p", options: dict[str, str] | None = None,
) -> bytes:  # fmt: skip
    """A clip whose n-th frame is a plain grey of brightness 20 * n (mod 240)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip"
        with av.open(str(path), "w", format=form, options=options or {}) as container:
            stream: Any = container.add_stream(codec, rate=Fraction(rate))
            stream.width, stream.height, stream.pix_fmt = *size, pixels
            for number in range(frames):
                array = np.full((size[1], size[0], 3), number * 20 % 240, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
            container.mux(stream.encode(None))
        return path.read_bytes()
