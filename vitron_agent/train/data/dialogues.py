"""Made-up conversations: each ends in the request that is to be planned."""

from random import Random

from vitron_agent.messages import Plan
from vitron_agent.planners.base import PlanRequest
from vitron_agent.train.data.desk import Desk, answer
from vitron_agent.train.data.follow_ups import follow_up
from vitron_agent.train.data.openings import fresh, from_nothing, several, two_pictures

_ANYWHERE = {
    "unsupported": 9,
    "thanks": 4,
    "noop": 4,
    "statement": 3,
    "capability": 3,
    "knowledge": 3,
    "advice": 3,
    "unclear": 3,
    "impossible.other": 3,
    "smalltalk": 2,
    "greeting": 1,
    "bye": 1,
}
"""Sections that fit any conversation, with their weights: what looks like a wish but is none weighs most."""


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
    if rng.random() < 0.4:
        rng.choice((fresh, several))(desk, rng)
        if rng.random() < 0.3:
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
    return answer(desk, rng, rng.choices(list(_ANYWHERE), list(_ANYWHERE.values()))[0])


_SCENARIOS = ((30, fresh), (7, from_nothing), (8, two_pictures), (17, several), (22, follow_up), (22, in_words))


def dialogue(rng: Random) -> tuple[PlanRequest, Plan]:
    """One training example: the request at the end of a made-up conversation, and its plan."""
    scenario = rng.choices([maker for _, maker in _SCENARIOS], [weight for weight, _ in _SCENARIOS])[0]
    return scenario(Desk(), rng)
