"""VITRON's own planner: the fine-tuned LLM, decoded within the wire grammar."""

import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitron_agent.config import Settings
from vitron_agent.errors import WeightsError
from vitron_agent.messages import Plan
from vitron_agent.planners.base import PlanRequest, Shown, SignalEmbedding, SignalledPlan
from vitron_agent.wire import complete, read_plan

if TYPE_CHECKING:
    from vitron_agent.model.decoding import PlanDecoder
    from vitron_agent.model.encoders.backbone import VisionBackbone
    from vitron_agent.model.signals import Signals

_log = logging.getLogger(__name__)
_FOUR_NUMBERS = re.compile(r"(?:\d[^\d]+){3}\d", re.DOTALL)
_REMEMBERED = 1000


class VitronPlanner:
    """SmolLM2 with the adapter that ships with the package, or another base and adapter.

    Constructing it is cheap; the first plan loads the weights, and fetches the base if it was never pulled. One
    instance may serve many threads: they plan in turn.

    Args:
        settings: Where the weights lie and what they run on; None = from the environment.
        adapter: Folder of an adapter; None = the one that ships with the package.
        base: Folder of the base; None = the one that ``vitron pull embedded`` made.
    """

    name = "vitron"

    def __init__(
        self, settings: Settings | None = None, *, adapter: Path | None = None, base: Path | None = None
    ) -> None:
        self._settings = settings or Settings.load()
        self._adapter = adapter
        self._base = base
        self._loading = threading.Lock()
        self._decoder: PlanDecoder | None = None
        self._backbone: VisionBackbone | None = None
        self._unfamiliar: deque[str] = deque(maxlen=_REMEMBERED)  # so that each is looked at once

    def plan(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> Plan:
        """Plans; blocking. ``on_token`` receives the plan's text, or the answer, as it is written.

        A plan whose targets hold words that nobody said is written, and told, once more, of words that were said.

        Raises:
            WireSyntaxError: The plan did not come to an end; it may be asked again.
            UsageError: The request is too long to read.
            WeightsError: The weights are missing and cannot be fetched; says how to get them.
        """
        return self._plan(request, on_token, signals=False).plan

    def plan_with_signals(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> SignalledPlan:
        """As :meth:`plan`, word for word, with the signals of each step where the adapter has signal heads."""
        return self._plan(request, on_token, signals=True)

    def _plan(self, request: PlanRequest, on_token: Callable[[str], None] | None, *, signals: bool) -> SignalledPlan:
        from vitron_agent.model.grammar import Scene
        from vitron_agent.planners.prompt import encode_prompt
        from vitron_agent.planners.said import invented, said
        from vitron_agent.planners.spelling import mended

        decoder = self.load()
        media = tuple((medium.handle, medium.kind) for medium in request.media)
        numbers = dict(request.next_numbers)
        scene = Scene(media, numbers, request.regions, boxes=_FOUR_NUMBERS.search(request.text) is not None)
        prompt = encode_prompt(request, decoder.tokenizer)

        def write(scene: Scene) -> SignalledPlan:
            read: list[Signals | None] = []
            text = decoder.write(prompt, scene, on_token, read.append if signals else None)
            return SignalledPlan(mended(read_plan(text, request.regions)), tuple(map(_embedding, read)))

        written = write(scene)
        if invented(written.plan, request):
            written = write(replace(scene, words=said(request)))
        return replace(written, plan=complete(written.plan, media, request.current, numbers))

    def answer(self, question: str, shown: Shown) -> str | None:
        """What its LLM sees of what is asked, in the words of its training.

        None where it is not sure, the picture is of no kind that it learned from, or its adapter does not see.

        Raises:
            WeightsError: The weights are missing and cannot be fetched; says how to get them.
        """
        from vitron_agent.planners.seeing import SURE_ENOUGH, Unfamiliar, answer

        model = self.load().model
        if model.encoder is None or shown.id in self._unfamiliar:
            return None
        try:
            told = answer(question, shown, model, model.encoder, self._eyes(model.encoder.sight.backbone))
        except Unfamiliar:
            self._unfamiliar.append(shown.id)
            return None
        return told.text if told.sure >= SURE_ENOUGH else None

    def _eyes(self, name: str) -> "VisionBackbone":
        from vitron_agent.model.encoders.backbone import load_backbone

        with self._loading:
            if self._backbone is None:
                self._backbone = load_backbone(name, self._settings.cache)
        return self._backbone

    def load(self) -> "PlanDecoder":
        """Loads the weights, unless they are; gives the decoder.

        Raises:
            WeightsError: They are missing or damaged, or the settings forbid loading any.
        """
        with self._loading:
            if self._decoder is None:
                self._decoder = self._load()
        return self._decoder

    def _load(self) -> "PlanDecoder":
        if not self._settings.allow_weight_loading:
            raise WeightsError("loading weights is switched off (VITRON_ALLOW_WEIGHT_LOADING)")
        from vitron_agent.model.adapter import PACKAGED
        from vitron_agent.model.decoding import PlanDecoder
        from vitron_agent.model.llm import LanguageModel
        from vitron_agent.model.weights import pull_base

        base = self._base or pull_base(self._settings.cache, report=_log.info)
        return PlanDecoder(LanguageModel.load(base, self._adapter or PACKAGED, self._settings.device))


def _embedding(signals: "Signals | None") -> SignalEmbedding | None:
    if signals is None:
        return None
    shared, private = (tokens.half().cpu().numpy() for tokens in (signals.shared, signals.private))
    return SignalEmbedding(shared, private)
