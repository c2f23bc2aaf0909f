"""How large a medium from outside may be, and where it may come from."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vitron_agent.errors import MediaLimitError


class Limits(BaseModel):
    """What the gate lets in. Every refusal names the field to raise.

    Attributes:
        max_bytes: Size of the file, or of the download.
        max_pixels: Width x height of a picture or of one frame.
        max_side: Width or height in pixels.
        max_frames: Frames of a clip.
        max_seconds: Duration of a clip.
        max_clip_pixels: Width x height x frames of a clip; bounds the disk that its lossless working copy takes.
        download_seconds: Time for a whole download, redirects included.
        max_redirects: Redirects followed, each checked like the first address.
        allow_http: Take ``http:`` addresses too, not only ``https:``.
        allow_networks: Networks that may be read although they are not public, such as an image server of your own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: Annotated[int, Field(gt=0)] = 256 * 1024**2
    max_pixels: Annotated[int, Field(gt=0)] = 100_000_000
    max_side: Annotated[int, Field(gt=0, le=65_535)] = 32_768
    max_frames: Annotated[int, Field(gt=0)] = 3_000
    max_seconds: Annotated[float, Field(gt=0)] = 120.0
    max_clip_pixels: Annotated[int, Field(gt=0)] = 3_000_000_000
    download_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_redirects: Annotated[int, Field(ge=0)] = 5
    allow_http: bool = False
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def check(self, setting: str, value: float, subject: str, unit: str) -> None:
        """Refuses a value above a limit.

        Args:
            setting: The field's name.
            value: What was found.
            subject: What it was found in, such as the file's name.
            unit: Words after the number, such as ``pixels``.

        Raises:
            MediaLimitError: It is too large; names the limit and the setting.
        """
        limit = getattr(self, setting)
        if value > limit:
            raise MediaLimitError(
                f"{subject}: {round(value, 3):,} {unit}, more than the limit of {limit:,}; make it smaller, or allow "
                f"it with Limits({setting}=...)"
            )

    def check_size(self, width: int, height: int, subject: str) -> None:
        """Refuses a picture or frame that is too large; raises MediaLimitError."""
        self.check("max_side", max(width, height), subject, "pixels on its larger side")
        self.check("max_pixels", width * height, subject, f"pixels ({width} x {height})")
