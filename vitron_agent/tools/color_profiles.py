"""One picture's colours in the numbers of another's colour profile."""

import io
from typing import Any

import numpy as np

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import ExpertError


def in_profile(image: ImageArray, own: bytes | None, wanted: bytes | None) -> ImageArray:
    """Converts a picture; one of 16 bits, for which Pillow has no conversion, keeps its numbers.

    Args:
        image: (H, W, 3|4); its alpha stays.
        own: The ICC profile that its numbers are meant in; None = sRGB.
        wanted: The one that they shall be meant in; None = sRGB.

    Raises:
        ExpertError: One of the profiles does not serve for that.
    """
    if own == wanted or image.dtype != np.uint8:
        return image
    from PIL import Image, ImageCms

    try:
        converted = ImageCms.profileToProfile(
            Image.fromarray(image[..., :3]),
            _opened(own),
            _opened(wanted),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError as error:
        raise ExpertError(
            f"the colour profiles of the two pictures do not fit together ({error}); save them as sRGB"
        ) from error
    return np.dstack([np.asarray(converted), image[..., 3:]])


def _opened(profile: bytes | None) -> Any:
    from PIL import ImageCms

    return ImageCms.createProfile("sRGB") if profile is None else io.BytesIO(profile)
