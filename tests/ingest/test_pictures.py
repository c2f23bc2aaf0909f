"""Canonical form: upright RGB(A), 8 or 16 bits as they came, profile kept or applied."""

import io
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.ingest.samples import chunk, cmyk_profile, encoded, exif, gradient, grey_profile, png
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import MediaError, MediaFormatError
from vitron_agent.ingest import ingest

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WIDE = np.random.default_rng(0).integers(0, 65536, (9, 7, 4)).astype(np.uint16)


def taken(source: object, store: ArtifactStore) -> np.ndarray:
    return store.image(ingest(source, store=store, kind="image"))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("size", [(12, 17), (1, 40), (40, 1), (1, 1)])
def test_lossless_formats_keep_every_pixel(store: ArtifactStore, form: str, size: tuple[int, int]) -> None:
    array = gradient(*size)
    options = {"lossless": True} if form == "WEBP" else {}

    assert np.array_equal(taken(encoded(array, form, **options), store), array)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_kept_straight(store: ArtifactStore, form: str) -> None:
    array = gradient(channels=4)
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}

    assert np.array_equal(taken(encoded(array, form, **options), store), array)


@pytest.mark.parametrize("form", ["JPEG", "AVIF"])
def test_lossy_formats_are_read_as_pillow_reads_them(store: ArtifactStore, form: str) -> None:
    data = encoded(gradient(), form)

    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(taken(data, store), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_pictures_are_turned_upright(store: ArtifactStore, form: str, orientation: int) -> None:
    array = np.zeros((32, 48, 3), np.uint8)
    array[:16, :16] = 255  # a white corner, top left, survives lossy formats
    options = {"quality": 100} if form in ("JPEG", "WEBP", "AVIF") else {}
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}

    upright = taken(encoded(array, form, exif=exif(orientation), **options), store)

    assert upright.shape == ((32, 48, 3) if orientation < 5 else (48, 32, 3))
    bright = [(y, x) for y in (0, -1) for x in (0, -1) if upright[y, x].min() > 200]
    assert bright == [corner[orientation]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_wide_pictures_are_turned_like_narrow_ones(store: ArtifactStore, orientation: int) -> None:
    narrow = (WIDE[..., :3] >> 8).astype(np.uint8)
    tag = chunk(b"eXIf", exif(orientation).removeprefix(b"Exif\0\0"))

    wide = taken(png(WIDE[..., :3], 2, tag), store)

    assert wide.dtype == np.uint16
    assert np.array_equal(wide >> 8, taken(png(narrow, 2, tag), store))


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_keeps_sixteen_bits(store: ArtifactStore, color_type: int, channels: int) -> None:
    array = WIDE[..., :channels]
    expected = {1: WIDE[..., [0, 0, 0]], 2: WIDE[..., [0, 0, 0, 1]], 3: array, 4: array}[channels]

    assert np.array_equal(taken(png(array, color_type), store), expected)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_keeps_sixteen_bits(store: ArtifactStore, compression: str | None, channels: int) -> None:
    array = WIDE[..., 0] if channels == 1 else WIDE[..., :channels]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, array, compression=compression, photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
    )  # fmt: skip

    expected = WIDE[..., [0, 0, 0]] if channels == 1 else array
    assert np.array_equal(taken(buffer.getvalue(), store), expected)


def test_tiff_with_white_as_zero_is_inverted(store: ArtifactStore) -> None:
    for array, top in ((WIDE[..., 0], 65535), ((WIDE[..., 0] >> 8).astype(np.uint8), 255)):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, array, photometric="miniswhite")

        assert np.array_equal(taken(buffer.getvalue(), store)[..., 0], top - array)


def test_a_sixteen_bit_layout_that_would_lose_something_is_refused(store: ArtifactStore) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, WIDE, photometric="rgb", extrasamples=["assocalpha"])

    with pytest.raises(MediaFormatError, match="save it as 16-bit PNG"):
        ingest(buffer.getvalue(), store=store)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers_without_a_range_are_refused(store: ArtifactStore, dtype: type) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones((4, 4), dtype))

    with pytest.raises(MediaFormatError, match="scale them to 8 or 16 bits"):
        ingest(buffer.getvalue(), store=store)


def test_palettes_become_colours(store: ArtifactStore) -> None:
    flags = np.array([[0, 1], [2, 1]], np.uint8)
    image = Image.fromarray(flags, mode=None).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255] + [0] * 759)
    image.putdata(list(flags.ravel()))
    for options, last in (({}, None), ({"transparency": b"\xff\x00\x80"}, [0, 0, 255, 128])):
        buffer = io.BytesIO()
        image.save(buffer, "PNG", **options)

        array = taken(buffer.getvalue(), store)

        assert array[0, 0, :3].tolist() == [255, 0, 0]
        assert array[1, 0].tolist() == (last or [0, 0, 255])


def test_a_transparent_colour_becomes_alpha(store: ArtifactStore) -> None:
    array = gradient()
    key = b"".join(bytes([0, value]) for value in array[3, 4])
    wide_key = WIDE[2, 2, :3].astype(">u2").tobytes()
    wide_grey_key = WIDE[2, 2, :1].astype(">u2").tobytes()

    colour = taken(png(array, 2, chunk(b"tRNS", key)), store)
    wide = taken(png(WIDE[..., :3], 2, chunk(b"tRNS", wide_key)), store)
    wide_grey = taken(png(WIDE[..., :1], 0, chunk(b"tRNS", wide_grey_key)), store)

    assert colour[3, 4, 3] == 0
    assert (colour[..., 3] == 0).sum() == 1
    for read in (wide, wide_grey):
        assert read.dtype == np.uint16
        assert read[2, 2, 3] == 0
        assert read[0, 0, 3] == 65535


def test_an_rgb_profile_is_kept(store: ArtifactStore) -> None:
    wide = png(WIDE[..., :3], 2, chunk(b"iCCP", b"x\0\0" + zlib.compress(SRGB)))

    for data in (encoded(gradient(), "JPEG", icc_profile=SRGB), encoded(gradient(), "PNG", icc_profile=SRGB), wide):
        assert store.icc(ingest(data, store=store)) == SRGB


def test_a_profile_for_something_else_or_damaged_is_left_out(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    for profile in (cmyk_profile(), SRGB[:200], b"rubbish"):
        caplog.clear()
        ref = ingest(encoded(gradient(), "PNG", icc_profile=profile), store=store)

        assert store.icc(ref) is None
        assert np.array_equal(store.image(ref), gradient())
        assert "left out" in caplog.text or profile[36:40] == b"acsp"


def test_cmyk_goes_through_its_profile(store: ArtifactStore) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[8:] = [255, 0, 0, 0]  # full cyan: light grey by the profile, cyan by plain arithmetic
    image = Image.frombytes("CMYK", (16, 16), inks.tobytes())
    for form, options in (("TIFF", {}), ("JPEG", {"quality": 100, "subsampling": 0})):
        plain, profiled = io.BytesIO(), io.BytesIO()
        image.save(plain, form, **options)
        image.save(profiled, form, icc_profile=cmyk_profile(), **options)

        by_arithmetic, by_profile = taken(plain.getvalue(), store), taken(profiled.getvalue(), store)

        assert by_arithmetic[12, 4].max() - by_arithmetic[12, 4].min() > 200
        assert by_profile[12, 4].max() - by_profile[12, 4].min() <= 4
        assert 100 < by_profile[12, 4].mean() < 240 < by_profile[2, 4].mean()
        assert store.icc(ingest(profiled.getvalue(), store=store)) is None


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_goes_through_its_profile(store: ArtifactStore, mode: str) -> None:
    array = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    linear = encoded(array, "PNG", mode=mode, icc_profile=grey_profile(1.0))
    plain = encoded(array, "PNG", mode=mode)

    bright, same = taken(linear, store), taken(plain, store)

    assert bright.shape == same.shape
    if mode == "1":
        assert np.array_equal(bright, same)
    else:
        assert np.array_equal(same[0, :, 0], array[0])
        assert bright[0, 64, 0] == pytest.approx(137, abs=2)  # 0.25 of linear light in sRGB
        assert bright[0, [0, 255], 0].tolist() == [0, 255]


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (4, 2)])
def test_wide_grey_goes_through_its_profile(store: ArtifactStore, color_type: int, channels: int) -> None:
    grey = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    array = np.stack([grey] * channels, axis=-1)
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(1.0)))

    toned = taken(png(array, color_type, profile), store)[..., 0].ravel()

    assert toned[0] == 0
    assert toned[1024] == pytest.approx(137.0 * 257, rel=0.01)
    assert (np.diff(toned.astype(int)) >= 0).all()
    assert len(np.unique(toned)) > 2000


def test_pil_images_are_taken_as_they_are(store: ArtifactStore) -> None:
    image = Image.fromarray(gradient())
    turned = Image.open(io.BytesIO(encoded(gradient(), "PNG", exif=exif(6), icc_profile=SRGB)))

    assert np.array_equal(taken(image, store), gradient())
    assert np.array_equal(taken(turned, store), np.rot90(gradient(), -1))
    assert store.icc(ingest(turned, store=store)) == SRGB
    assert np.array_equal(taken(image.convert("YCbCr"), store), np.asarray(image.convert("YCbCr").convert("RGB")))


def in_lab(image: Image.Image) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    assert converted is not None
    return converted


def test_lab_comes_back_to_the_same_colours(store: ArtifactStore) -> None:
    array = np.zeros((8, 8, 3), np.uint8) + np.array([200, 60, 120], np.uint8)

    assert np.abs(taken(in_lab(Image.fromarray(array)), store).astype(int) - array).max() <= 4


SEEDS = {
    "png": encoded(gradient(), "PNG", exif=exif(6), icc_profile=SRGB),
    "png16": png(WIDE, 6),
    "jpeg": encoded(gradient(), "JPEG", exif=exif(3)),
    "webp": encoded(gradient(channels=4), "WEBP", lossless=True),
    "gif": encoded(gradient(), "GIF", mode="P"),
    "bmp": encoded(gradient(), "BMP"),
    "tiff": encoded(gradient(), "TIFF", compression="tiff_lzw"),
    "avif": encoded(gradient(), "AVIF"),
}


@pytest.mark.parametrize("form", SEEDS)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
@example(changes=[(0.0, 0)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_give_a_picture_or_a_media_error(
    store: ArtifactStore, form: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(SEEDS[form])
    for place, value in changes:
        data[int(place * len(data))] = value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ref = ingest(bytes(data), store=store)
        except MediaError as error:
            outcome = str(error)
        else:
            outcome = "the given bytes" if store.exists(ref) else "lost"
    assert outcome.startswith("the given bytes")


@pytest.mark.parametrize("form", SEEDS)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(store: ArtifactStore, form: str, part: float) -> None:
    data = SEEDS[form]

    with pytest.raises(MediaFormatError, match="the given bytes"):
        ingest(data[: int(len(data) * part)], store=store)
