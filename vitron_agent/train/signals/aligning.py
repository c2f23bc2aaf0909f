"""Alignment of signals with what the word channel of grounding would look for (paper §3.3, App. B.4, step 1.3).

Signal tokens stand behind a step, and nothing of the step depends on them. So the frozen LLM reads the step first, and
then the signal tokens by what it kept of it (keys and values).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache

from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.packing import common
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.targets import Targets

Kept = Tensor
"""[layers, 2, heads, t, dims] float16: keys and values of a step of t tokens."""
_TEMPERATURE = 0.07
_BIAS_WEIGHT = 0.2


class SignalReader(nn.Module):
    """Reads signal tokens behind steps with a frozen LLM, as the planner does that writes the steps.

    Args:
        vitron: The model; its signal tokens and heads are learned.
    """

    def __init__(self, vitron: VitronModel) -> None:
        super().__init__()
        self.vitron = vitron.requires_grad_(requires_grad=False)
        vitron.signals.requires_grad_()

    @property
    def _decoder(self) -> Any:
        return self.vitron.llm.get_base_model().model

    @torch.no_grad()
    def keep(self, steps: Sequence[Sequence[int]]) -> list[Kept]:
        """What the LLM keeps of steps, given by their ids."""
        longest = max(map(len, steps))
        ids = torch.tensor([[*step, *[0] * (longest - len(step))] for step in steps])
        mask = torch.tensor([[1] * len(step) + [0] * (longest - len(step)) for step in steps])
        shared = common(step[:-1] for step in steps)  # what the planner is told first, a quarter of most steps
        cache = DynamicCache()
        with self.vitron.as_planner():
            if shared:
                self._decoder(input_ids=ids[:1, :shared], past_key_values=cache, use_cache=True)
                cache.batch_repeat_interleave(len(steps))
            self._decoder(input_ids=ids[:, shared:], attention_mask=mask, past_key_values=cache, use_cache=True)
        layers: Any = cache.layers
        both = torch.stack([torch.stack([layer.keys, layer.values]) for layer in layers]).half()
        return [both[:, :, number, :, : len(step)].clone() for number, step in enumerate(steps)]

    def forward(self, kept: Sequence[Kept]) -> Tensor:
        """Last hidden states [b, n_s + n_p, width] of the signal tokens behind steps."""
        tokens = self.vitron.signals.tokens
        lengths = torch.tensor([one.shape[3] for one in kept])
        longest = int(lengths.max())
        stacked = torch.stack([F.pad(one.to(tokens.dtype), (0, 0, 0, longest - one.shape[3])) for one in kept], dim=2)
        cache = DynamicCache()
        for number, (keys, values) in enumerate(stacked):
            cache.update(keys, values, number)
        read = torch.arange(longest) < lengths[:, None]
        mask = F.pad(read.long(), (0, len(tokens)), value=1)
        places = lengths[:, None] + torch.arange(len(tokens))
        with self.vitron.as_planner():
            found: Tensor = self._decoder(
                inputs_embeds=tokens.expand(len(kept), -1, -1), attention_mask=mask, position_ids=places,
                past_key_values=cache, use_cache=True,
            ).last_hidden_state  # fmt: skip
        return found


class AlignmentLoss:
    """L2 to the phrase's own query, and cross-entropy of telling that query from those of unrelated things.

    Direction, length and bias are compared apart: by plain L2 a doubtful query would be a short one,
    which likes all places.

    Args:
        targets: The queries.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._rows = {one: number for number, one in enumerate(targets.ids)}
        self._bank = F.normalize(targets.weights, dim=1)
        above = [load_nouns().by_id[one].above for one in targets.ids]
        pairs = list(zip(targets.ids, above, strict=True))
        self._related = torch.tensor([[a in theirs or b in mine for b, theirs in pairs] for a, mine in pairs])

    def row(self, phrase: Phrase) -> int | None:
        """The number of a phrase's target; None if nothing may be learned of it."""
        return self._rows.get(phrase.things[0])

    def __call__(self, model: Any, inputs: dict[str, Any], num_labels: Tensor | int | None = None) -> Tensor:  # noqa: ARG002
        """The mean over a batch of :func:`collate`, as :func:`vitron_agent.train.fit.fit` wants it."""
        weights, biases = model(inputs["given"])
        rows = inputs["labels"]
        wanted = self._targets.weights[rows]
        directions = F.normalize(weights.float(), dim=1)
        apart = (directions - self._bank[rows]).square().sum(dim=1).mean() / 2
        lengths = F.smooth_l1_loss(weights.float().norm(dim=1).log(), wanted.norm(dim=1).log())
        shifted = F.smooth_l1_loss(biases.float(), self._targets.biases[rows])
        chosen = F.cross_entropy(self._likeness(weights, rows), rows)
        total: Tensor = apart + lengths + _BIAS_WEIGHT * shifted + chosen
        return total

    def ranks(self, weights: Tensor, rows: Tensor) -> Tensor:
        """How many unrelated things' queries are liker to weights [n, dims] than those of their own rows [n]; [n]."""
        likeness = self._likeness(weights, rows)
        return (likeness > likeness.gather(1, rows[:, None])).sum(dim=1)

    def rivals(self, rows: Tensor) -> Tensor:
        """How many unrelated things there are to rows [n]; [n]."""
        return (~self._related[rows]).sum(dim=1)

    def _likeness(self, weights: Tensor, rows: Tensor) -> Tensor:
        """[n, things]: to each thing's query; to related ones that are not meant, -inf."""
        likeness = F.normalize(weights.float(), dim=1) @ self._bank.T / _TEMPERATURE
        related = self._related[rows].scatter(1, rows[:, None], value=False)
        return likeness.masked_fill(related, -torch.inf)


def examples(
    phrases: Sequence[Phrase], given: Sequence[Tensor], loss: AlignmentLoss, **more: Sequence[Any]
) -> list[dict[str, Any]]:
    """What :func:`vitron_agent.train.fit.fit` learns from: the steps about phrases to learn whose things have a target.

    Args:
        phrases: Of each step.
        given: What is read of each step; of tokens, -1 stands for none.
        loss: Has the targets.
        more: Whatever else belongs to each step.
    """
    made = []
    for number, (phrase, one) in enumerate(zip(phrases, given, strict=True)):
        row = loss.row(phrase)
        if phrase.group is Group.TRAIN and row is not None:
            length = int((one >= 0).sum()) if one.ndim == 1 else len(one)
            about = {name: values[number] for name, values in more.items()}
            made.append({"input_ids": range(length), "labels": [row], "given": one, **about})
    return made


def collate(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is given of each example, and the rows of their targets as labels."""
    return {
        "given": torch.stack([one["given"] for one in batch]),
        "labels": torch.tensor([one["labels"][0] for one in batch]),
    }
