"""The planner's LLM looks at a picture or clip and answers a question about it."""

from collections.abc import Callable, Iterator
from functools import cache, partial

from torch import Tensor

from vitron_agent.messages import Handle, Region
from vitron_agent.model.answering import Answer, write_answer
from vitron_agent.model.encoders.backbone import VisionBackbone
from vitron_agent.model.encoders.video import VideoFeatures, encode_clip
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.media import MediaEncoder, Prepared, prepare, prepare_region
from vitron_agent.planners.base import Medium, PlanRequest, Shown
from vitron_agent.planners.prompt import encode_prompt
from vitron_agent.tools.regions import rasterise

SURE_ENOUGH = 0.8
"""An answer is given if its least probable word is at least so probable."""


class Unfamiliar(Exception):
    """The picture or clip is of no kind that the model learned from."""


def answer(question: str, shown: Shown, model: LanguageModel, encoder: MediaEncoder, eyes: VisionBackbone) -> Answer:
    """Answers in the words of the model's training.

    Args:
        question: The user's words.
        shown: What they are about.
        model: With the LoRA for what is seen, if it has one.
        encoder: The model's own.
        eyes: The backbone that the encoder belongs to.

    Raises:
        Unfamiliar: The model would invent.
    """
    name = "image-1" if shown.num_frames is None else "video-1"  # as in training: one medium, new in the conversation
    regions = tuple(region.model_copy(update={"source": None}) for region in shown.regions)
    request = PlanRequest(
        text=question, media=(Medium(handle=name, kind=name.partition("-")[0]),), attached=(name,), current=name,
        regions=regions,
    )  # fmt: skip
    with model.lock:
        seen = {handle: model.see(key, look) for handle, key, look in _looks(name, shown, encoder, eyes)}
        return write_answer(model, encode_prompt(request, model.tokenizer, seen))


def _looks(
    name: Handle, shown: Shown, encoder: MediaEncoder, eyes: VisionBackbone
) -> Iterator[tuple[Handle, str, Callable[[], Prepared]]]:
    """Handles with the keys of what stands behind them, and how to look at it; features are made at most once."""

    @cache
    def features() -> Tensor | VideoFeatures:
        if shown.num_frames is None:
            return eyes.features(next(iter(shown.frames)))
        return encode_clip(eyes, shown.frames, shown.num_frames, encoder.sight.num_frames)

    def drawn(region: Region) -> Prepared:
        mask = rasterise(region, shown.width, shown.height, shown.region_masks.__getitem__)
        return prepare_region(features(), mask, region.frames)

    def look() -> Prepared:
        if encoder.familiar and not encoder.familiar.knows(features()):
            raise Unfamiliar
        return prepare(features(), encoder.sight, encoder.proposer)

    yield name, shown.id, look
    for number, region in enumerate(shown.regions, start=1):
        yield f"region-{number}", f"{shown.id} {region.model_dump_json()}", partial(drawn, region)
