"""What goes with a message that is typed on a command line."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vitron_agent.errors import VitronError

if TYPE_CHECKING:
    from vitron_agent.agent import VitronAgent
    from vitron_agent.artifacts import ArtifactRef
    from vitron_agent.messages import Region


@dataclass
class Attached:
    """Pictures, clips and drawings that go with a message.

    Attributes:
        images: Paths, https addresses, handles, or what was taken in of them.
        videos: The same for clips.
        drawn: What the user points at.
    """

    images: "list[str | ArtifactRef]" = field(default_factory=list)
    videos: "list[str | ArtifactRef]" = field(default_factory=list)
    drawn: "list[Region]" = field(default_factory=list)


def sort_out(agent: "VitronAgent", thread: str, refused: Attached) -> tuple[Attached, list[str]]:
    """Takes in what can go with the next message where one was refused, each by itself.

    Returns:
        What can, and the names of what cannot.
    """
    from vitron_agent.attachments import check_sources, take_in

    def take(images: "list[str | ArtifactRef]", videos: "list[str | ArtifactRef]") -> "list[ArtifactRef | str]":
        # What was taken in costs nothing to take again; together they may be too many.
        store, repository = agent.store, agent.repository
        return take_in(images, videos, thread=thread, store=store, repository=repository, settings=agent.settings)

    kept, left_out = Attached(), list[str]()
    for image in refused.images:
        try:
            kept.images = take([*kept.images, image], [])
        except VitronError:
            left_out.append(str(image))
    for video in refused.videos:
        try:
            kept.videos = take(kept.images, [*kept.videos, video])[len(kept.images) :]
        except VitronError:
            left_out.append(str(video))
    for region in refused.drawn:
        try:
            check_sources([region], [*kept.images, *kept.videos], thread, agent.repository)
            kept.drawn.append(region)
        except VitronError:
            left_out.append(f"the {region.kind} on {region.source}")
    return kept, left_out
