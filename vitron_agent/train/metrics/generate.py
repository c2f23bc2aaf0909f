"""What a model in training writes, greedily and without the decoder's grammar: plans in batches, answers one by one.

This is the quick look during training; ``benchmarks/planner.py`` scores the planner as users run it.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vitron_agent.errors import InvocationError
from vitron_agent.messages import Plan
from vitron_agent.model.answering import Answer
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.planners.base import PlanRequest
from vitron_agent.planners.prompt import IGNORED, encode_prompt
from vitron_agent.train.data.samples import Sample
from vitron_agent.train.metrics.planner import Row, Verdict, judge
from vitron_agent.wire import complete, read_plan

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from vitron_agent.model.media import Prepared
    from vitron_agent.model.vitron import VitronModel


def write_plans(
    model: "PreTrainedModel | PeftModel",
    tokenizer: PlannerTokenizer,
    requests: Sequence[PlanRequest],
    *,
    batch: int = 32,
) -> list[str]:
    """What the model writes for each request, at most 200 tokens.

    Args:
        model: With the added tokens; any device.
        tokenizer: With the added tokens.
        requests: In any order.
        batch: How many at once.
    """
    import torch

    prompts = [encode_prompt(request, tokenizer) for request in requests]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    texts = [""] * len(prompts)
    generator: Any = model  # transformers types it loosely
    generator.eval()
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        longest = max(len(prompts[index]) for index in chosen)
        pads = [longest - len(prompts[index]) for index in chosen]
        ids = torch.tensor([[0] * pad + prompts[index] for pad, index in zip(pads, chosen, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads])
        with torch.no_grad():
            written = generator.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=200,
                do_sample=False,
                eos_token_id=tokenizer.im_end,
                pad_token_id=0,
            )
        for index, tokens in zip(chosen, written[:, longest:].tolist(), strict=True):
            end = tokens.index(tokenizer.im_end) if tokenizer.im_end in tokens else len(tokens)
            texts[index] = tokenizer.decode_wire(tokens[:end])
    return texts


def write_answer(model: "VitronModel", sample: Sample, items: "Sequence[Prepared]", *, max_tokens: int = 320) -> Answer:
    """What the model answers to the last turn of a sample, of which ``items`` were seen, and how sure it is."""
    from vitron_agent.train.data.examples import build

    made = build(sample, items, model.tokenizer, Plan(text=sample.turns[-1].reply))
    prompt = [token for token, label in zip(made["input_ids"], made["labels"], strict=True) if label == IGNORED]
    written = model.eval().generate(prompt, items, do_sample=False, max_new_tokens=max_tokens)
    return Answer(model.tokenizer.decode_wire(written), _sure(model, prompt, items, written, max_tokens))


def _sure(
    model: "VitronModel", prompt: Sequence[int], items: "Sequence[Prepared]", written: Sequence[int], max_tokens: int
) -> float:
    """The probability of the least probable token that was written, the closing one included."""
    import torch

    tokens = [*written, model.tokenizer.im_end][:max_tokens]
    ids = torch.tensor([[*prompt, *tokens[:-1]]], device=model.llm.device)
    with torch.no_grad():
        logits = model(ids, torch.ones_like(ids), items, logits_to_keep=len(tokens)).logits[0].float()
    chosen = torch.tensor(tokens, device=logits.device)
    return float(logits.softmax(dim=1).gather(1, chosen[:, None]).min())


def judge_texts(rows: Iterable[Row], texts: Iterable[str]) -> list[tuple[Verdict, Plan | None]]:
    """The verdict and the completed plan of each row; no plan where the text cannot be read."""
    return [_judge_text(row, text) for row, text in zip(rows, texts, strict=True)]


def _judge_text(row: Row, text: str) -> tuple[Verdict, Plan | None]:
    try:
        plan = read_plan(text, row.request.regions)
    except InvocationError:
        return Verdict(bool(row.accepted), tool_called=True, sequence=False, targets=False, whole=False), None
    media = [(medium.handle, medium.kind) for medium in row.request.media]
    plan = complete(plan, media, row.request.current, dict(row.request.next_numbers))
    return judge(plan, row), plan
