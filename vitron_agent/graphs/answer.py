"""Answers in words: what is really seen, where the request asks about what is shown; else the planner's own words."""

from collections.abc import Callable, Iterator

from vitron_agent.artifacts import ArtifactRef, ImageArray
from vitron_agent.errors import ExpertTimeout, TurnCancelled, UnknownThreadError
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.messages import Module, Region
from vitron_agent.planners.base import SeeingPlanner, Shown


async def answer_of(services: Services, state: TurnState, turn: OpenTurn) -> tuple[str, str]:
    """The answer of a plan without invocations, and why the turn must end early (empty otherwise)."""
    plan = state["plan"]
    if plan is None or not plan.text:
        return "", ""
    regions = tuple(state.get("regions") or ())
    handle = next((region.source for region in regions if region.source), None) or state["start"]
    if handle is None or not (services.words or isinstance(services.planner, SeeingPlanner)):
        return plan.text, ""

    def look(cancelled: Callable[[], bool]) -> str | None:  # noqa: ARG001 - it is over within seconds
        try:
            ref = services.repository.resolve(state["thread"], [handle])[handle]
        except UnknownThreadError:
            return None
        if ref.kind not in ("image", "video"):
            return None
        shown = _shown(services, ref, regions)
        return _told_by_planner(services, state["text"], shown) or _told_by_experts(services, state["text"], shown)

    left = services.settings.budget.seconds - state["seconds"]
    try:
        # One look at a time, like the grounding expert, whose features it shares.
        seen, _ = await services.workers.run(look, key=Module.IMAGE_GROUNDING, seconds=left, stop=turn.stop)
    except TurnCancelled:
        return "", turn.stop.reason
    except ExpertTimeout as error:
        return "", f"looking at the picture took too long ({error})"
    return seen or plan.text, ""


def _shown(services: Services, ref: ArtifactRef, regions: tuple[Region, ...]) -> Shown:
    """A picture or clip with what was drawn on it."""
    assert ref.width is not None
    assert ref.height is not None
    masks = {region.artifact: services.store.mask(region.artifact) for region in regions if region.artifact}
    return Shown(ref.id, _frames(services, ref), ref.width, ref.height, ref.frames, regions, masks)


def _frames(services: Services, ref: ArtifactRef) -> Iterator[ImageArray]:
    """Decoded when they are looked at: not where the planner knows the picture."""
    if ref.kind == "image":
        yield services.store.image(ref)
    else:
        yield from services.store.frames(ref)


def _told_by_planner(services: Services, text: str, shown: Shown) -> str | None:
    """What the planner sees and is sure of; None where it sees nothing, or nothing is asked."""
    if not isinstance(services.planner, SeeingPlanner):
        return None
    from vitron_agent.tools.phrases.nouns import load_nouns
    from vitron_agent.tools.phrases.questions import may_ask

    return services.planner.answer(text, shown) if may_ask(text, load_nouns()) else None


def _told_by_experts(services: Services, text: str, shown: Shown) -> str | None:
    """What the experts see, of pictures; None where the text asks nothing that they know."""
    if shown.num_frames is not None or services.words is None:
        return None
    from vitron_agent.tools.words import Picture

    image = services.store.image(shown.id)
    return services.words().answer(text, Picture(image, shown.id, shown.regions, shown.region_masks))
