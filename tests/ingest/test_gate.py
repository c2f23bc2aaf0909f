"""What the gate takes, and everything that it refuses."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.ingest.samples import chunk, clip, encoded, gradient, png
from vitron_agent.artifacts import ArtifactStore, Boxes
from vitron_agent.errors import ArtifactError, MediaError, MediaFormatError, MediaLimitError, MediaSourceError
from vitron_agent.ingest import Limits, MediaKind, ingest

PHOTO = gradient()
PNG = encoded(PHOTO, "PNG")


def test_every_kind_of_source_gives_the_same_picture(store: ArtifactStore, tmp_path: Path) -> None:
    path = tmp_path / "name without ending"
    path.write_bytes(PNG)
    first = ingest(path, store=store)

    sources = (str(path), PNG, bytearray(PNG), memoryview(PNG), PHOTO, Image.fromarray(PHOTO), first, first.id)

    assert all(ingest(source, store=store) == first for source in sources)
    assert first.kind == "image"
    assert np.array_equal(store.image(first), PHOTO)


def test_content_decides_not_the_name(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encoded(PHOTO, "BMP"))
    (tmp_path / "photo.jpg").write_text("<!DOCTYPE html><html><body>Log in</body></html>")

    assert np.array_equal(store.image(ingest(tmp_path / "photo.png", store=store)), PHOTO)
    with pytest.raises(MediaFormatError, match=r"photo\.jpg: it is an HTML page"):
        ingest(tmp_path / "photo.jpg", store=store)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<html><h1>404</h1></html>", "HTML page"),
        (b"\xef\xbb\xbf  <!doctype HTML>", "HTML page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<svg onload='alert(1)'/>", "SVG"),
        (b'{"error": "not found"}', "JSON"),
        (b"just text", "text"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%!PS-Adobe-3.0 EPSF", "PostScript"),
        (b"PK\3\4....", "zip"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\0\0\1\0\1\0", "icon"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd", "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "playlist"),
        (b"OggS\0\2", "Ogg"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "neither WebP nor AVI"),
        (bytes(range(1, 200)), "unknown format"),
        (b"\0" * 100, "unknown format"),
    ],
)
def test_what_is_not_allowed_is_named(store: ArtifactStore, data: bytes, words: str) -> None:
    with pytest.raises(MediaFormatError, match=words) as refused:
        ingest(data, store=store)

    assert str(refused.value).startswith("the given bytes: ")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_pixels_are_limited_before_they_are_decoded(store: ArtifactStore, form: str) -> None:
    data = encoded(np.zeros((40, 50, 3), np.uint8), form)

    assert ingest(data, store=store, limits=Limits(max_pixels=2000, max_side=50))
    with pytest.raises(MediaLimitError, match=r"2,000 pixels \(50 x 40\).*limit of 1,999.*Limits\(max_pixels=\.\.\.\)"):
        ingest(data, store=store, limits=Limits(max_pixels=1999))
    with pytest.raises(MediaLimitError, match=r"50 pixels on its larger side.*Limits\(max_side=\.\.\.\)"):
        ingest(data, store=store, limits=Limits(max_side=49))


@pytest.mark.parametrize("size", [(65_000, 65_000), (30_000, 30_000), (2**31 - 1, 1)])
def test_decompression_bombs_are_refused_from_their_header(store: ArtifactStore, size: tuple[int, int]) -> None:
    bomb = png(PHOTO, 2, size=size)

    with pytest.raises(MediaLimitError, match=r"max_pixels|max_side"):
        ingest(bomb, store=store)


def webp_bomb() -> bytes:
    frames = [Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    data = bytearray(buffer.getvalue())
    data[24:30] = (16_382).to_bytes(3, "little") * 2  # canvas width and height, less one
    return bytes(data)


def gif_bomb() -> bytes:
    frames = [Image.new("P", (8, 8), number % 250) for number in range(300)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=20, optimize=False)
    return buffer.getvalue()


def tiff_bomb() -> bytes:
    data = bytearray(encoded(PHOTO, "TIFF"))
    for tag in (256, 257):
        place = data.index(struct.pack("<HH", tag, 4))
        data[place + 8 : place + 12] = struct.pack("<I", 60_000)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "setting"),
    [(webp_bomb(), "max_pixels"), (gif_bomb(), "max_frames"), (tiff_bomb(), "max_side|max_pixels")],
    ids=["webp", "gif", "tiff"],
)
def test_bombs_of_other_formats_are_refused(store: ArtifactStore, data: bytes, setting: str) -> None:
    with pytest.raises(MediaLimitError, match=setting):
        ingest(data, store=store, limits=Limits(max_frames=200))


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
def test_bombs_in_metadata_are_refused(store: ArtifactStore, name: bytes) -> None:
    packed = zlib.compress(b"\0" * 50_000_000, 9)
    body = {b"iCCP": b"x\0\0", b"zTXt": b"x\0\0", b"iTXt": b"x\0\1\0\0\0"}[name] + packed

    with pytest.raises(MediaLimitError, match="far too large when unpacked"):
        ingest(png(PHOTO, 2, chunk(name, body)), store=store)


def test_the_limit_of_metadata_does_not_depend_on_the_process() -> None:
    assert PngImagePlugin.MAX_TEXT_CHUNK <= 4 * 1024**2


def test_a_large_picture_within_the_limits_is_taken_whatever_pillow_thinks(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)

    assert np.array_equal(store.image(ingest(PNG, store=store)), PHOTO)


def test_bytes_are_limited(store: ArtifactStore, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)

    for source in (path, PNG):
        with pytest.raises(MediaLimitError, match=r"bytes, more than the limit of 50; .*Limits\(max_bytes=\.\.\.\)"):
            ingest(source, store=store, limits=Limits(max_bytes=50))


@pytest.mark.parametrize("kind", [None, "image", "video", "mask"])
def test_pages_are_refused(store: ArtifactStore, kind: MediaKind | None) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "TIFF", save_all=True, append_images=[Image.fromarray(PHOTO)])

    with pytest.raises(MediaFormatError, match="several pages"):
        ingest(buffer.getvalue(), store=store, kind=kind)


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd", "FILE:/etc/passwd", "data:image/png;base64,AAAA", "ftp://host/photo.png",
        "gopher://host/", "s3://bucket/photo.png", "http://example.com/photo.png", "https:photo.png",
        "https://user:secret@example.com/photo.png", "https:///photo.png", "https://exa mple.com/",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(store: ArtifactStore, source: str) -> None:
    with pytest.raises(MediaSourceError):
        ingest(source, store=store)


@pytest.mark.parametrize("source", [None, 3, [PNG], {"path": "x"}])
def test_what_is_no_source_is_refused(store: ArtifactStore, source: object) -> None:
    with pytest.raises(MediaFormatError, match="is no medium; give a path"):
        ingest(source, store=store)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4), (1, 1)])
def test_arrays_are_taken(store: ArtifactStore, shape: tuple[int, ...], dtype: type) -> None:
    array = np.arange(np.prod(shape), dtype=dtype).reshape(shape)

    taken = store.image(ingest(array, store=store))

    assert taken.dtype == dtype
    assert np.array_equal(taken, np.broadcast_to(array.reshape(*shape[:2], -1), (*shape[:2], taken.shape[2])))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5), np.float32), np.zeros((4, 5, 3), np.int64), np.zeros((4, 5, 2), np.uint8),
        np.zeros(9, np.uint8), np.zeros((0, 5, 3), np.uint8), np.zeros((4, 5, 3), np.bool_),
        np.zeros((2, 4, 5, 4), np.uint8), np.zeros((0, 4, 5, 3), np.uint8),
    ],
)  # fmt: skip
def test_other_arrays_are_refused(store: ArtifactStore, array: np.ndarray) -> None:
    with pytest.raises(MediaFormatError, match=r"give \(H, W\)"):
        ingest(array, store=store)


def test_arrays_of_the_other_byte_order_are_taken(store: ArtifactStore) -> None:
    array = np.arange(60, dtype=">u2").reshape(4, 5, 3)

    assert np.array_equal(store.image(ingest(array, store=store)), array)


def test_arrays_keep_to_the_limits_too(store: ArtifactStore) -> None:
    with pytest.raises(MediaLimitError, match="max_side"):
        ingest(np.zeros((1, 100, 3), np.uint8), store=store, limits=Limits(max_side=99))
    with pytest.raises(MediaLimitError, match="max_frames"):
        ingest(np.zeros((5, 2, 2, 3), np.uint8), store=store, limits=Limits(max_frames=4))


def test_masks_are_taken_from_arrays_and_pictures(store: ArtifactStore) -> None:
    mask = gradient()[..., 0] > 90
    grey = np.where(mask, 255, 0).astype(np.uint8)
    sources = (
        mask,
        grey,
        mask.astype(np.uint8),
        encoded(grey, "PNG"),
        encoded(grey, "PNG", mode="1"),
        Image.fromarray(grey),
    )

    first = ingest(mask, store=store)

    assert first.kind == "mask"
    assert all(ingest(source, store=store, kind="mask") == first for source in sources)
    assert np.array_equal(store.mask(first), mask)
    assert not store.mask(ingest(np.zeros((3, 3), np.uint8), store=store, kind="mask")).any()
    assert store.image(ingest(mask, store=store, kind="image")).max() == 255


def test_the_kind_must_fit(store: ArtifactStore) -> None:
    picture, mask = ingest(PNG, store=store), ingest(np.ones((2, 2), np.bool_), store=store)
    film = clip(frames=2)

    for source, kind in (
        (PNG, "video"),
        (film, "image"),
        (film, "mask"),
        (picture, "mask"),
        (mask, "image"),
        (gif_bomb(), "image"),
    ):
        with pytest.raises(MediaFormatError, match=f"kind {kind} is wanted"):
            ingest(source, store=store, kind=kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "kind", "hint"),
    [
        (gif_bomb(), "image", "videos=, -v"),
        (clip(frames=2), "image", "videos=, -v"),
        (PNG, "video", "images=, -i"),
    ],
    ids=["animation", "clip", "picture"],
)
def test_the_message_says_how_to_give_it_instead(
    store: ArtifactStore, source: bytes, kind: MediaKind, hint: str
) -> None:
    with pytest.raises(MediaFormatError, match=hint):
        ingest(source, store=store, kind=kind)


def test_earlier_artifacts_must_exist_and_be_media(store: ArtifactStore) -> None:
    gone = ArtifactStore("memory://").put_mask(np.ones((2, 2), np.bool_))
    boxes = store.put_boxes(Boxes(np.zeros((0, 4)), (), ()), 4, 4)

    for missing in (gone, gone.id):
        with pytest.raises(ArtifactError, match=r"not in the store .* send its source again"):
            ingest(missing, store=store)
    with pytest.raises(MediaError, match="neither picture"):
        ingest(boxes, store=store)
    with pytest.raises(ArtifactError):
        ingest(boxes.id, store=store)
    with pytest.raises(ArtifactError, match="no artifact id"):
        ingest("sha256:../../etc/passwd", store=store)


def test_refusals_leave_nothing_behind(store: ArtifactStore, tmp_path: Path) -> None:
    for data in (PNG[:60], clip()[:500], png(PHOTO, 2, size=(65_000, 65_000)), b""):
        with pytest.raises(MediaError):
            ingest(data, store=store)

    assert list(store.ids()) == []
    assert list((tmp_path / "artifacts" / "tmp").iterdir()) == []
