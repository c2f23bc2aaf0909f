"""What a user draws on a body of a scene."""

from random import Random

from vitron_agent.messages import Region
from vitron_agent.train.data import drawings
from vitron_agent.train.data.scenes.seen import Seen


def drawn(seen: Seen, body: int, rng: Random) -> Region:
    """A drawing on a body, as ``region-1`` on the only medium; of a clip, in one frame."""
    frame = rng.choice(sorted(seen.boxes[body]))
    still = seen.scene.media == "image"
    region = drawings.drawn(seen.mask(body, frame), rng, "image-1" if still else "video-1")
    return region if still else region.model_copy(update={"frames": (frame, frame)})
