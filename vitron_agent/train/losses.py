"""Losses of the stages."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vitron_agent.planners.prompt import IGNORED


def plan_loss(
    model: Any,
    inputs: dict[str, Any],
    num_labels: Tensor | int | None,
    *,
    module_token: int = IGNORED,
    answer_weight: float = 1.0,
) -> Tensor:
    """Cross-entropy of the labelled tokens; logits are made only from the first label on.

    Full logits over the vocabulary would take most of the memory and a third of the time.

    Args:
        model: Any causal LM that knows ``logits_to_keep``, or a :class:`vitron_agent.model.vitron.VitronModel`.
        inputs: Ids, attention mask, labels and, of a model that sees, media.
        num_labels: Divides the sum, where a step has several batches; None = the number in this batch.
        module_token: With which every plan, and no answer, begins.
        answer_weight: Of the loss on answers in words, but for their first token.
    """
    labels = inputs["labels"]
    first = int((labels != IGNORED).any(dim=0).nonzero()[0])
    keep = labels.shape[1] - first + 1  # the token before the first label predicts it
    shown = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**shown, logits_to_keep=keep).logits[:, :-1]
    wanted = labels[:, -(keep - 1) :]
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none"
    ).view_as(wanted)
    labelled = wanted != IGNORED
    before = functional.pad(labelled, (1, 0))[:, :-1]
    begins = labelled & ~before  # a row may hold several answers; of a plan other places are taken too, to no effect
    plans = (begins & (wanted == module_token)).any(dim=1, keepdim=True)
    total = torch.where(plans | begins, losses, answer_weight * losses).sum()
    return total / (num_labels if num_labels is not None else labelled.sum())
