"""The released VITRON as a planner: Vicuna's conversation, letters A-G, text alone."""

import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vitron_agent.config import Settings
from vitron_agent.errors import WeightsError
from vitron_agent.messages import Invocation, Operation, Plan, Region, needs_base
from vitron_agent.planners.base import PlanRequest
from vitron_agent.wire import LETTERS, complete, read_plan, write_invocation

if TYPE_CHECKING:
    from vitron_agent.model.released import ReleasedModel

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant is so powerful and can not "
    "only understand text, image and video, but also able to generate text, images and videos."
)
_LETTERS = {module: letter for letter, module in LETTERS.items()}
_PROMPTED = frozenset({Operation.GENERATE, Operation.ANIMATE})
_OUTLINED = frozenset({Operation.SEGMENT, Operation.TRACK})


class ReleasedPlanner:
    """The checkpoint that VITRON's authors published (``vitron-base`` and ``vitron-lora``), or one in its layout.

    It was trained on one module a reply: chained work happens over turns. It sees no pixels here; pictures are named by
    their handles, and what the user drew goes to the module that it calls, as in the authors' demo.

    Constructing it is cheap; the first plan loads the weights (13.5 GB). One instance may serve many threads: they plan
    in turn.

    Args:
        settings: What it runs on; None = from the environment.
        base: Folder of the base, or repository of the hub; safetensors.
        lora: Folder of the LoRA, or repository; None where it is merged into the base already.
        system: What the conversation begins with.
        temperature: 0 = always the likeliest token; else sampled, with the settings' seed.
    """

    name = "released"

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        base: Path | str,
        lora: Path | str | None,
        system: str = SYSTEM,
        temperature: float = 0.0,
    ) -> None:
        self._settings = settings or Settings.load()
        self._base = base
        self._lora = lora
        self._system = system
        self._temperature = temperature
        self._loading = threading.Lock()
        self._model: ReleasedModel | None = None

    def plan(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> Plan:
        """Plans; blocking. ``on_token`` receives what the model says as it is written, tags and all.

        Raises:
            WireSyntaxError: What it wrote is no plan, or did not come to an end; it may be asked again.
            UnknownTargetError: It names a drawing that does not exist.
            UsageError: The request is too long to read.
            WeightsError: The weights are missing or damaged; says what to do.
        """
        said = self.load().write(
            exchanges(request, self._system), on_token, temperature=self._temperature, seed=self._settings.seed
        )
        plan = _on_drawings(read_plan(said, request.regions), request.regions)
        media = [(medium.handle, medium.kind) for medium in request.media]
        drawn_on = next((region.source for region in request.regions if region.source), None)
        return complete(plan, media, drawn_on or request.current, dict(request.next_numbers))

    def load(self) -> "ReleasedModel":
        """Loads the weights, unless they are; gives the model.

        Raises:
            WeightsError: They are missing or damaged, or the settings forbid loading any.
        """
        with self._loading:
            if self._model is None:
                if not self._settings.allow_weight_loading:
                    raise WeightsError("loading weights is switched off (VITRON_ALLOW_WEIGHT_LOADING)")
                from vitron_agent.model.released import ReleasedModel

                self._model = ReleasedModel.load(self._base, self._lora, self._settings.device)
        return self._model


def exchanges(request: PlanRequest, system: str = SYSTEM) -> list[str]:
    """The conversation in Vicuna's form, ``USER: … ASSISTANT: …``; a closing token stands between two texts."""
    from vitron_agent.planners.prompt import HISTORY_TURNS, context_line

    past = [(_shorten(turn.text), released_form(turn.plan)) for turn in request.history[-HISTORY_TURNS:]]
    asked = f"{context_line(request)}\n{request.text}" if request.media or request.regions else request.text
    for rejection in request.rejections:
        past.append((asked, released_form(read_plan(rejection.plan, request.regions))))
        asked = f"That cannot run: {_shorten(rejection.error)}"
    first, *others = [*(f"USER: {asked} ASSISTANT: {said}" for asked, said in past), f"USER: {asked} ASSISTANT:"]
    return [f"{system} {first}", *others]


def released_form(plan: Plan) -> str:
    """A plan as the released model would have written it: letters, neither handles nor regions."""
    return " ".join(map(_block, plan.invocations)) if plan.invocations else _shorten(plan.text)


def _block(step: Invocation) -> str:
    bare = step.model_copy(update={"inputs": (), "regions": (), "output": None, "signal": None})
    ours = write_invocation(bare).partition("</Module><Instruction>")[2].removesuffix("</Instruction>")
    name, rest = step.operation.value, ours.removeprefix(step.operation.value)
    if step.operation in _PROMPTED:
        if step.value:  # a prompt stands where targets do
            name, rest = "generation", rest if step.target else f": {rest.removeprefix(' => ')}"
    elif step.operation in _OUTLINED:
        name = "segmentation"
    letter = _LETTERS.get(step.module, step.module.wire_name)
    return f"<module>{letter}</module> <instruction>{name}{rest}</instruction>"


def _shorten(text: str) -> str:
    from vitron_agent.planners.prompt import PAST_CHARACTERS

    return textwrap.shorten(text, PAST_CHARACTERS, placeholder=" …")


def _on_drawings(plan: Plan, drawn: tuple[Region, ...]) -> Plan:
    """Gives what the user drew to the first step, where no step names a region: the released model never learned to."""
    if not (drawn and plan.invocations and needs_base(plan.invocations[0].module)):
        return plan
    if any(step.regions for step in plan.invocations):
        return plan
    first, *rest = plan.invocations
    named = tuple(region.model_copy(update={"name": f"region-{n}"}) for n, region in enumerate(drawn, 1))
    return plan.model_copy(update={"invocations": (first.model_copy(update={"regions": named}), *rest)})
