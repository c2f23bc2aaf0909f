"""Answers in words: what is really seen, where the request asks about the picture; else the planner's own words."""

from collections.abc import Callable

from vitron_agent.errors import ExpertTimeout, TurnCancelled, UnknownThreadError
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.messages import Module


async def answer_of(services: Services, state: TurnState, turn: OpenTurn) -> tuple[str, str]:
    """The answer of a plan without invocations, and why the turn must end early (empty otherwise)."""
    plan = state["plan"]
    if plan is None or not plan.text:
        return "", ""
    drawn_on = next((region.source for region in state.get("regions") or () if region.source), None)
    handle, make_words = drawn_on or state["start"], services.words
    if handle is None or make_words is None:
        return plan.text, ""

    def look(cancelled: Callable[[], bool]) -> str | None:  # noqa: ARG001 - it is over within seconds
        try:
            ref = services.repository.resolve(state["thread"], [handle])[handle]
        except UnknownThreadError:
            return None
        if ref.kind != "image":
            return None
        from vitron_agent.tools.words import Picture

        regions = tuple(state.get("regions") or ())
        masks = {region.artifact: services.store.mask(region.artifact) for region in regions if region.artifact}
        return make_words().answer(state["text"], Picture(services.store.image(ref), ref.id, regions, masks))

    left = services.settings.budget.seconds - state["seconds"]
    try:
        # One look at a time, like the grounding expert, whose features it shares.
        seen, _ = await services.workers.run(look, key=Module.IMAGE_GROUNDING, seconds=left, stop=turn.stop)
    except TurnCancelled:
        return "", turn.stop.reason
    except ExpertTimeout as error:
        return "", f"looking at the picture took too long ({error})"
    return seen or plan.text, ""
