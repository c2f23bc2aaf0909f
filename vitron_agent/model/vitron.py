"""The VITRON model for training, and for use with transformers: a frozen LLM with LoRA that sees pictures and clips.

Saved as one small folder that loads on top of the frozen base: the PEFT adapter with the added tokens' rows, what was
trained beside it (``vitron.safetensors``), ``config.json`` and a model card. Inference in the embedded profile reads
the same folder without transformers (:mod:`vitron_agent.model.llm`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor, nn

from vitron_agent.errors import WeightsError
from vitron_agent.model.adapter import (
    add_adapter,
    add_seeing,
    continue_adapter,
    continue_seeing,
    copy_adapter,
    save_adapter,
)
from vitron_agent.model.base import load_base
from vitron_agent.model.encoders.familiar import Familiar
from vitron_agent.model.encoders.proposals import Proposer
from vitron_agent.model.media import MediaConfig, MediaEncoder, Prepared
from vitron_agent.model.saved import SEEING, VitronConfig, load_parts, read_config, save_parts
from vitron_agent.model.signals import SignalHeads
from vitron_agent.model.tokens import PlannerTokenizer

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutputWithPast

_CARD = """---
{{ card_data }}
---

# VITRON: {{ base }} that plans, sees and points

An adapter for [vitron-agent]({{ repo_url }}): LoRA and added tokens for `{{ base }}`, the projector from
`{{ backbone }}` with its region encoder, and the signal heads, after [VITRON](https://arxiv.org/abs/2412.19806)
(NeurIPS 2024). It is no model of its own: it loads on top of the frozen base.

```python
from vitron_agent.model.vitron import VitronModel

model = VitronModel.from_pretrained("<this folder or repository>")
```
"""


class VitronModel(
    nn.Module,
    ModelHubMixin,
    library_name="vitron-agent",
    license="apache-2.0",
    tags=["vitron", "vision-language", "agent"],
    repo_url="https://arxiv.org/abs/2412.19806",
    model_card_template=_CARD,
):
    """LLM, LoRA, projector, region encoder and signal heads.

    Args:
        llm: The base with its adapter, from :func:`vitron_agent.model.adapter.add_adapter`.
        tokenizer: With the added tokens.
        config: The sizes.
        planner: Folder of the planner's adapter, where that is merged into the base and ``llm`` has a second one, for
            answers about what it sees; None where ``llm`` has one for everything.
    """

    def __init__(
        self, llm: "PeftModel", tokenizer: PlannerTokenizer, config: VitronConfig, planner: Path | None = None
    ) -> None:
        super().__init__()
        words = llm.get_input_embeddings()
        width = words.weight.shape[1]
        if config.media and config.media.width != width:
            raise WeightsError(f"the LLM is {width} wide and the media tokens {config.media.width}")
        self.llm = llm
        self.planner = planner
        self.tokenizer = tokenizer
        self.vitron_config = config  # "config" is taken: Trainer writes to it
        scale = float(words.weight.detach().float().square().mean().sqrt())
        self.media = MediaEncoder(config.media, scale) if config.media else None
        self.signals = SignalHeads(config.signals, width, scale)

    @classmethod
    def on(
        cls, llm: "PreTrainedModel", tokenizer: PlannerTokenizer, config: VitronConfig, **lora: Any
    ) -> "VitronModel":
        """A new model on a frozen base; ``lora`` as for :func:`vitron_agent.model.adapter.add_adapter`."""
        return cls(add_adapter(llm, tokenizer, **lora), tokenizer, config)

    def add_seeing(self, folder: Path, **lora: Any) -> None:
        """Gives it a second LoRA for answers about what it sees, and freezes the planner's.

        Args:
            folder: Where this model was loaded from, unchanged since.
            lora: As for :func:`vitron_agent.model.adapter.add_seeing`.
        """
        self.llm = add_seeing(self.llm, **lora)
        self.planner = folder

    def add_familiar(self, directions: int) -> Familiar:
        """Gives it a knowledge of the pictures that it may be asked about, which has yet to be learned.

        Args:
            directions: k, of :class:`vitron_agent.model.encoders.familiar.Familiar`.
        """
        sight = self.sight.model_copy(update={"familiar": directions})
        assert self.media is not None
        self.vitron_config = self.vitron_config.model_copy(update={"media": sight})
        self.media.sight = sight
        self.media.familiar = Familiar(sight.channels, directions)
        return self.media.familiar

    def as_planner(self) -> AbstractContextManager[Any]:
        """In its scope the LLM writes, and signals, as the planner does: without a second LoRA, if it has one."""
        context: AbstractContextManager[Any] = self.llm.disable_adapter() if self.planner else nullcontext()
        return context

    def embed(self, input_ids: Tensor, rows: Tensor) -> Tensor:
        """Embeddings [b, t, d] of ids [b, t], where -1 - r stands for row r of the media tokens [n, d]."""
        is_media = input_ids < 0
        embedded: Tensor = self.llm.get_input_embeddings()(input_ids.clamp(min=0))
        places = is_media.unsqueeze(-1).expand_as(embedded)
        return embedded.masked_scatter(places, rows[-1 - input_ids[is_media]].to(embedded.dtype))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        media: Sequence[Prepared] = (),
        labels: Tensor | None = None,
        **options: Any,
    ) -> "CausalLMOutputWithPast":
        """As a causal LM of transformers, whose input may hold media tokens.

        Args:
            input_ids: [b, t], padded on the right; media tokens are numbered through the whole batch.
            attention_mask: [b, t].
            media: What the batch shows, in the order of its tokens.
            labels: [b, t], -100 where there is no loss.
            options: Of the LLM, such as ``output_hidden_states`` or ``logits_to_keep``.
        """
        embedded = self.embed(input_ids, self._rows(media))
        output: CausalLMOutputWithPast = self.llm(
            inputs_embeds=embedded, attention_mask=attention_mask, labels=labels, **options
        )
        return output

    @property
    def sight(self) -> MediaConfig:
        """How media become tokens.

        Raises:
            WeightsError: The model reads text alone.
        """
        if self.vitron_config.media is None:
            raise WeightsError("this model reads text alone; begin with one that stage 1 made")
        return self.vitron_config.media

    @property
    def proposer(self) -> Proposer | None:
        """What finds things in pictures, where they have tokens of their own."""
        return self.media.proposer if self.media is not None else None

    def _rows(self, media: Sequence[Prepared]) -> Tensor:
        if self.media is not None:
            rows: Tensor = self.media(media)
            return rows
        if media:
            _ = self.sight
        words: Tensor = self.llm.get_input_embeddings().weight
        return words.new_zeros(0, words.shape[1])

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """What Trainer asks of a model that is to recompute rather than keep; only the LLM has layers worth it."""
        self.llm.activation_checkpointing_enable(**options)

    @torch.inference_mode()
    def generate(self, prompt: Sequence[int], media: Sequence[Prepared] = (), **options: Any) -> list[int]:
        """Writes on after a prompt.

        Args:
            prompt: Ids with media tokens.
            media: What it shows.
            options: Of transformers' ``generate``: ``do_sample``, ``temperature``, ``num_beams``, ``streamer`` ...

        Returns:
            The new tokens, without the closing one.
        """
        device = self.llm.get_input_embeddings().weight.device
        ids = torch.tensor([prompt], device=device)
        embedded = self.embed(ids, self._rows(media))
        options = {"max_new_tokens": 200, "eos_token_id": self.tokenizer.im_end, "pad_token_id": 0, **options}
        written = self.llm.generate(  # type: ignore[no-untyped-call]
            inputs_embeds=embedded, attention_mask=torch.ones_like(ids), **options
        )
        tokens: list[int] = written[0].tolist()
        return tokens[: tokens.index(self.tokenizer.im_end)] if self.tokenizer.im_end in tokens else tokens

    def generate_model_card(self, *args: Any, **options: Any) -> Any:
        """The model card, with what this model was made on."""
        media = self.vitron_config.media
        names = {"base": self.vitron_config.base, "backbone": media.backbone if media else "no backbone yet"}
        return super().generate_model_card(*args, **names, **options)

    @property
    def _parts(self) -> dict[str, nn.Module]:
        return {"signals": self.signals} | ({"media": self.media} if self.media is not None else {})

    def _save_pretrained(self, save_directory: Path) -> None:
        if self.planner:
            copy_adapter(self.planner, save_directory)
            save_adapter(self.llm, save_directory / SEEING, base=self.vitron_config.base)
        else:
            save_adapter(self.llm, save_directory, base=self.vitron_config.base)
        save_parts(self._parts, self.vitron_config, save_directory)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> "VitronModel":
        """Loads a model on top of its frozen base.

        Args:
            pretrained_model_name_or_path: Folder that ``save_pretrained`` wrote, or repository.
            options: ``base``: folder of the frozen base; None = what the configuration names. ``dropout``: of the LoRA,
                to train on. And what finds the repository, such as ``revision`` and ``token``.

        Raises:
            WeightsError: There is none, it is incomplete, or it belongs to another base.
        """
        place = pretrained_model_name_or_path
        try:
            return super().from_pretrained(place, **options)
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
            raise WeightsError(
                f"there is no model in {place} ({error}); name a folder that save_pretrained wrote, or a repository"
            ) from error

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, base: Path | None = None, dropout: float = 0.0, **hub: Any
    ) -> "VitronModel":
        hub.pop("config", None)  # as the mixin read it; ours is checked
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(snapshot_download(model_id, allow_patterns=["*.json", "*.safetensors"], **hub))
        read = read_config(folder)
        frozen, tokenizer = load_base(base or read.base)
        llm, planner = continue_adapter(frozen, tokenizer, folder, dropout=dropout), None
        if (folder / SEEING).is_dir():
            llm, planner = continue_seeing(llm, folder / SEEING, dropout=dropout), folder
        model = cls(llm, tokenizer, read, planner)
        load_parts(model._parts, folder)
        return model
