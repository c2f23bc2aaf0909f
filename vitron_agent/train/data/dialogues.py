"""Made-up conversations: each ends in the request that is to be planned."""

from random import Random

from vitron_agent.messages import (
    Plan,
)
from vitron_agent.planners.base import PlanRequest
from vitron_agent.train.data.desk import Desk, answer
from vitron_agent.train.data.follow_ups import follow_up
from vitron_agent.train.data.openings import fresh, from_nothing, several, two_pictures

_ANYWHERE = (
    "noop",
    "greeting",
    "thanks",
    "bye",
    "smalltalk",
    "capability",
    "knowledge",
    "advice",
    "statement",
    "unclear",
    "impossible.other",
    "unsupported",
)


def in_words(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan]:
    """A request without a task."""
    roll = rng.random()
    if roll < 0.12:
        return answer(
            desk, rng, rng.choice(("impossible.no_media", "impossible.no_media", "impossible.image_on_nothing_video"))
        )
    if roll < 0.2:
        desk.attach("image")
        return answer(desk, rng, "impossible.video_on_image")
    if rng.random() < 0.3:
        rng.choice((fresh, several))(desk, rng)
        if rng.random() < 0.35:
            return answer(desk, rng, "question.after_edit")
    elif rng.random() < 0.85:
        desk.attach("video" if rng.random() < 0.2 else "image")
        if rng.random() < 0.1:
            desk.attach("image")
    if desk.media and rng.random() < 0.45:
        return answer(
            desk,
            rng,
            "question.video" if desk.kind(desk.current) == "video" and rng.random() < 0.7 else "question.look",
        )
    return answer(desk, rng, rng.choice(_ANYWHERE))


_SCENARIOS = ((30, fresh), (7, from_nothing), (8, two_pictures), (17, several), (22, follow_up), (22, in_words))


def dialogue(rng: Random) -> tuple[PlanRequest, Plan]:
    """One training example: the request at the end of a made-up conversation, and its plan."""
    scenario = rng.choices([maker for _, maker in _SCENARIOS], [weight for weight, _ in _SCENARIOS])[0]
    return scenario(Desk(), rng)
