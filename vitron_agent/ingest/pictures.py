"""Pictures of any allowed format to the one form that everything else works on.

That form is (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, uint8 or uint16 as the source has it, upright (EXIF
orientation applied), with the ICC profile its numbers are meant in, or None for sRGB.

Pillow reads headers and pixels and, at 16 bits in colour, OpenCV reads them again: Pillow keeps only 8 of them.
What was 10 or 12 bits deep (AVIF) and CMYK at 16 bits come out at 8.
"""

import importlib
import io
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from vitron_agent.codecs import ImageArray
from vitron_agent.errors import MediaError, MediaFormatError, MediaLimitError
from vitron_agent.ingest.sniff import PictureFormat
from vitron_agent.limits import Limits

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

_log = logging.getLogger(__name__)
_READERS: dict[PictureFormat, tuple[str, str]] = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
}
_ORIENTATION = 0x0112
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


@dataclass(frozen=True)
class Picture:
    """A canonical picture: its pixels and the profile that they are meant in (None = sRGB)."""

    array: ImageArray
    icc: bytes | None = None


def open_header(file: BinaryIO, form: PictureFormat, subject: str, limits: Limits) -> "ImageFile":
    """Reads a picture's header, not its pixels, and checks its size.

    Args:
        file: The picture, from its beginning; stays in use until the pixels are loaded.
        form: What :func:`~vitron_agent.ingest.sniff.sniff` made of it.
        subject: What it is called in messages.
        limits: Sizes that are let in.

    Raises:
        MediaLimitError: It is too large.
        MediaFormatError: Its header is damaged.
    """
    module, name = _READERS[form]
    # Not Image.open, whose own limit is a process-wide setting that is not ours to change.
    reader = getattr(importlib.import_module(module), name)
    try:
        image: ImageFile = reader(file)
    except Exception as error:  # whatever a parser makes of hostile bytes
        raise _damaged(error, subject, form) from error
    limits.check_size(image.width, image.height, subject)
    return image


def is_animated(image: "Image.Image", subject: str) -> bool:
    """Whether it has more frames (or pages) than one; raises MediaFormatError if it is damaged."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception as error:  # whatever a parser makes of hostile bytes
        raise _damaged(error, subject, image.format or image.mode) from error


def canonical(image: "Image.Image", subject: str, limits: Limits, encoded: bytes | None = None) -> Picture:
    """Loads the pixels and brings them into the canonical form.

    Args:
        image: An opened picture, or one in memory.
        subject: What it is called in messages.
        limits: Sizes that are let in.
        encoded: The bytes that it was opened from; without them 16-bit colour is read at 8 bits.

    Raises:
        MediaLimitError: It is too large.
        MediaFormatError: It is damaged, cut short, or of a kind that has no canonical form.
    """
    limits.check_size(image.width, image.height, subject)
    wide = encoded is not None and _is_wide_colour(image)
    try:
        image.load()
        limits.check_size(image.width, image.height, subject)  # a GIF frame may be larger than its header said
        orientation = _orientation(image, subject)
        picture = _read_wide(encoded, image) if wide and encoded is not None else _read(image, subject)
    except MediaError:
        raise
    except Exception as error:  # whatever a decoder makes of hostile bytes
        raise _damaged(error, subject, image.format or image.mode) from error
    return Picture(_upright(picture.array, orientation), picture.icc)


def _damaged(error: Exception, subject: str, form: str) -> MediaError:
    if "Decompress" in str(error) or "MAX_TEXT" in str(error) or type(error).__name__.startswith("DecompressionBomb"):
        return MediaLimitError(
            f"{subject}: its compressed metadata or frames are far too large when unpacked ({error})"
        )
    return MediaFormatError(f"{subject}: it is no complete {form} picture ({error}); send it again from the original")


def _is_wide_colour(image: "Image.Image") -> bool:
    """Whether a picture that is not loaded yet has 16 bits a channel and several channels."""
    if image.mode == "I;16":
        return False
    if image.format == "TIFF":
        bits = cast("Any", image).tag_v2.get(_BITS_PER_SAMPLE, ())
        return image.mode in ("RGB", "RGBA") and all(depth == 16 for depth in bits)
    tiles = getattr(image, "tile", [])
    return image.format == "PNG" and bool(tiles) and str(tiles[0].args).endswith(";16B")


def _read_wide(encoded: bytes, image: "Image.Image") -> Picture:
    """Reads RGB(A) or grey with alpha at 16 bits, and checks it against the 8 bits that Pillow read."""
    import cv2

    array: Any = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16 or array.ndim != 3:
        raise ValueError("its 16-bit layout is not supported; save it as 16-bit PNG")
    array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    known = np.asarray(image)
    if array.shape[:2] != known.shape[:2] or not np.array_equal(array[..., : known.shape[2]] >> 8, known):
        raise ValueError("its 16-bit layout (planes or premultiplied alpha) is not supported; save it as 16-bit PNG")
    profile = image.info.get("icc_profile")
    if _space(profile) == "GRAY" and np.array_equal(array[..., 0], array[..., 2]):
        array[..., :3] = _toned(array[..., 0], profile)[..., None]
    return Picture(array, _rgb_profile(image))


def _read(image: "Image.Image", subject: str) -> Picture:
    if image.mode.startswith("I;16"):
        return _read_wide_grey(image)
    if image.mode in ("I", "F"):
        raise MediaFormatError(
            f"{subject}: its pixels are 32-bit numbers without a known range; scale them to 8 or 16 bits"
        )
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    converted = _to_srgb(image, image.info.get("icc_profile"))
    if converted is None:
        return Picture(np.array(plain), _rgb_profile(image))
    if plain.mode == "RGBA":
        converted.putalpha(plain.getchannel("A"))
    return Picture(np.array(converted))


def _read_wide_grey(image: "Image.Image") -> Picture:
    grey = np.array(image).astype(np.uint16)
    if image.format == "TIFF" and cast("Any", image).tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = np.uint16(65535) - grey
    planes = [_toned(grey, image.info.get("icc_profile"))] * 3
    if "transparency" in image.info:
        planes.append(np.where(grey == image.info["transparency"], 0, 65535).astype(np.uint16))
    return Picture(np.stack(planes, axis=-1))


def _toned(grey: NDArray[np.uint16], profile: bytes | None) -> NDArray[np.uint16]:
    """Grey values through a grey profile to sRGB; the curve is known at 256 places and drawn straight between them."""
    from PIL import Image

    ramp = _to_srgb(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile) if profile else None
    if ramp is None:
        return grey
    curve = np.asarray(ramp)[0, :, 0].astype(np.float64) * 257
    return np.interp(np.arange(65536), np.arange(256) * 257, curve).round().astype(np.uint16)[grey]


def _to_srgb(image: "Image.Image", profile: bytes | None) -> "Image.Image | None":
    """Converts what is not RGB through its profile; None where none fits (plain arithmetic must do then)."""
    from PIL import ImageCms

    source: Any = None
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif image.mode == "CMYK" and _space(profile) == "CMYK":
        source = ImageCms.ImageCmsProfile(io.BytesIO(cast("bytes", profile)))
    elif image.mode in ("1", "L", "LA", "La") and _space(profile) == "GRAY":
        source, image = ImageCms.ImageCmsProfile(io.BytesIO(cast("bytes", profile))), image.convert("L")
    if source is None:
        return None
    return ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _rgb_profile(image: "Image.Image") -> bytes | None:
    """The embedded profile where it describes RGB numbers and these are what it was made for."""
    profile: bytes | None = image.info.get("icc_profile")
    colour = image.mode in ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA")
    return profile if colour and _space(profile) == "RGB" else None


def _space(profile: bytes | None) -> str | None:
    """The colour space that a profile is for; None where there is no profile or it is damaged."""
    from PIL import ImageCms

    if not profile:
        return None
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    except (OSError, ImageCms.PyCMSError) as error:
        _log.warning("an embedded colour profile is damaged and was left out: %s", error)
        return None


def _orientation(image: "Image.Image", subject: str) -> int:
    """EXIF orientation 1 to 8 that is still to be applied (Pillow and OpenCV apply that of TIFF themselves)."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # whatever a parser makes of hostile bytes
        _log.warning("%s: its EXIF data is damaged and was left out: %s", subject, error)
        return 1
    return value if value in range(2, 9) and image.format != "TIFF" else 1


def _upright(picture: ImageArray, orientation: int) -> ImageArray:
    """Turns and mirrors as the eight EXIF orientations say."""
    array: NDArray[Any] = picture
    if orientation in (5, 6, 7, 8):
        array = array.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
