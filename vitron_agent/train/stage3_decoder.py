r"""Stage 3, decoder alignment: signals come to mean to an expert what the words mean to it (paper App. B.4, step 1.3).

    python -m vitron_agent.train.stage3_decoder --size debug --scenes 2 --out /tmp/stage3  # a minute on a CPU
    python -m vitron_agent.train.stage3_decoder --size embedded --model runs_output/stage2/model \
        --photos photos --cutouts cutouts --voc VOC2007 --out runs_output/stage3

1. *Targets*: the linear query of each thing that the word channel of grounding amounts to.
2. *States*: the frozen LLM reads requests with plans that name a phrase, and the signal tokens behind them, whose
   embeddings are those of the words of ``--begin``; their last hidden states are written down.
3. *Heads*: signal heads and adapter are learned on these states, first to aim at the thing's query, then also to find
   the thing on pictures.
4. *Gate*: how much of a likeness comes from signals is chosen on things pasted on photos, by the localiser's loss.

The first loss is L2 between a step's query and its thing's, and cross-entropy of telling that from the queries of other
things; the second is that of places (:mod:`vitron_agent.train.signals.places`). ``<|sig|>`` is never chosen by the LLM,
it closes every step; so it has no NLL. The products are ``OUT/model`` and ``OUT/grounding_signals.safetensors``.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from vitron_agent.config import Settings
from vitron_agent.model.adapter import PACKAGED
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.encoders.weights import load_encoder
from vitron_agent.model.signals import SignalConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.learned import WEIGHTS
from vitron_agent.tools.backends.embedded.query import Query, QueryAdapter, QueryShape, save_adapter
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.train.data.photos.cutouts import Cutouts
from vitron_agent.train.data.photos.folder import read_photos
from vitron_agent.train.data.photos.kinds import WORDNET, Kinds
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.voc import read_kept
from vitron_agent.train.fit import Schedule, add_options, chosen, fit
from vitron_agent.train.signals.aligning import AlignmentLoss, SignalReader, collate, examples
from vitron_agent.train.signals.arms import SignalArm, WordArm
from vitron_agent.train.signals.cases import pasted_cases, states_of
from vitron_agent.train.signals.gallery import Known, pasted_pictures, photo_pictures, see_gallery, voc_pictures
from vitron_agent.train.signals.gate import choose_gate, see_all
from vitron_agent.train.signals.phrases import Group, Phrase, read_phrases
from vitron_agent.train.signals.pictures import bank_pictures, drawn_pictures, ignore_unknown
from vitron_agent.train.signals.places import PlaceLoss, TaskLoss
from vitron_agent.train.signals.reading import draw_states, load_drawn
from vitron_agent.train.signals.states import save_states
from vitron_agent.train.signals.targets import Targets, draw_bank, load_targets, make_targets, save_targets


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        begin: Words whose embeddings the signal tokens have; as many tokens as there are signals. What they would make
            a reader expect is what their states hold; other vectors, learned ones too, did worse (docs/experiments.md).
        learned: Steps about phrases to learn from.
        tested: Steps about phrases of each other group.
        pictures: Whose places the targets are fitted to, of each source.
        calibration: Pasted things of the validation part that the gate is chosen on.
        pasted: Pictures with things pasted on them, to find these on.
        place_epochs: Passes with the loss of places, after those without.
        place_rate: Their learning rate.
        fast: Mixed precision, where steps are read and with the loss of places.
    """

    begin: str = " , which is a type of thing called"
    learned: int = 11_000
    tested: int = 400
    pictures: int = 250
    calibration: int = 40
    pasted: int = 300
    place_epochs: float = 3
    place_rate: float = 6e-4
    fast: bool = False


def debug() -> Config:
    """A few steps, to see that everything runs."""
    return Config(batch=8, learned=24, tested=4, pictures=2, calibration=2, pasted=2, place_epochs=1)


def embedded() -> Config:
    """What ships: an hour on a CPU core, nearly all of it reading."""
    return Config(batch=64, epochs=20, fast=True)


def paper() -> Config:
    """The paper's learning rate for its 7B model (App. C)."""
    return Config(batch=64, epochs=20, learned=60_000, tested=1_000, learning_rate=1e-5, fast=True)


SIZES = {"debug": debug, "embedded": embedded, "paper": paper}


def begin_tokens(model: VitronModel, words: str) -> None:
    """Sets the signal tokens to the embeddings of words.

    Raises:
        ValueError: There are not as many tokens in the words as there are signals.
    """
    ids = model.tokenizer.encode_text(words)
    count = model.vitron_config.signals.num_tokens
    if len(ids) != count:
        raise ValueError(f"{words!r} has {len(ids)} tokens and a step has {count} signals; say it in {count}")
    with torch.no_grad():
        model.signals.tokens.copy_(model.llm.get_input_embeddings().weight[ids])


def learn_arm(
    config: Config,
    arm: SignalArm | WordArm,
    made: list[dict[str, Any]],
    alignment: AlignmentLoss,
    places: PlaceLoss | None,
    out: Path,
) -> None:
    """Learns, in place, what signals or words mean: to aim, then also to find things on pictures, if there are any."""
    fit(arm, made, collate, alignment, config, out)
    if places is not None:
        loss = TaskLoss(alignment, places, arm.adapter.mixed)
        later = replace(config, epochs=config.place_epochs, learning_rate=config.place_rate, bf16=config.fast)
        fit(arm, made, collate, loss, later, out / "places")


def new_adapter(config: SignalConfig, targets: Targets) -> QueryAdapter:
    """One that knows nothing yet."""
    channels, dims = targets.basis.matrix.shape
    shape = QueryShape(
        tokens=config.num_tokens, signal_dims=config.dim, dims=dims, channels=channels, known=len(targets.ids)
    )
    return QueryAdapter(shape, targets.basis, (targets.weights, targets.biases))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.add_argument("--model", type=Path, help="folder of a model of stage 1 or 2 (default: the one that ships)")
    parser.add_argument("--photos", type=Path, help="folder of photos of one thing each, named or sorted by class")
    parser.add_argument("--cutouts", type=Path, help="what was cut out of them; without it the gate stays shut")
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--scenes", type=int, default=0, help="so many drawn pictures, to try it without photos")
    parser.add_argument("--holdout", help="K/N: leave out every N-th photo of --voc from the K-th on")
    parser.add_argument("--grounding", type=Path, help="weights of the word channel (default: those that ship)")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="folder of WordNet 3.0 (default: %(default)s)")
    parser.add_argument("--fp32", action="store_true", help="for a CPU without AVX512-BF16, which is slow in bfloat16")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not (options.photos or options.voc or options.scenes):
        parser.error("name --photos or --voc: queries are fitted to what is seen on them; or try it on drawn --scenes")
    if options.cutouts and not options.photos:
        parser.error("--cutouts needs the --photos that they were cut out of")
    config = chosen(options, SIZES)
    if options.fp32:
        config = replace(config, fast=False)
    sys.stderr.write(f"{config}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    targets = _targets(options, config)
    model = VitronModel.from_pretrained(options.model or PACKAGED)
    phrases = read_phrases(options.wordnet)
    begin_tokens(model, config.begin)
    reader = SignalReader(model)
    _draw(options.out / "states", config, reader, phrases)
    states = load_drawn(options.out / "states")
    save_states(states, options.out / "states.safetensors")
    adapter = new_adapter(model.signals.config, targets)
    by_text, alignment = {phrase.text: phrase for phrase in phrases}, AlignmentLoss(targets)
    made = examples([by_text[text] for text in states.texts], list(states.hidden), alignment)
    places = _places(options, config, targets)
    learn_arm(config, SignalArm(model.signals, adapter), made, alignment, places, options.out / "heads")
    if options.cutouts:
        _open_gate(options, config, adapter, reader, phrases)
    model.save_pretrained(options.out / "model")
    facts = {"steps": str(len(states.texts)), "seed": str(config.seed), "begin": config.begin}
    save_adapter(adapter, options.out / "grounding_signals.safetensors", facts)
    sys.stderr.write(f"wrote {options.out / 'model'} and {options.out / 'grounding_signals.safetensors'}\n")


def _targets(options: argparse.Namespace, config: Config) -> Targets:
    """Those of an earlier start of the same run, or new ones."""
    from rich.progress import track

    path = options.out / "targets.safetensors"
    if not path.is_file():
        encoder = DenseEncoder(Settings.load().cache, remember=1)
        photos = bank_pictures(options.photos, options.voc, config.pictures, options.holdout, options.wordnet)
        pictures = chain(photos, drawn_pictures(options.scenes))
        bank = draw_bank(track(pictures, "looking at pictures", total=None), encoder, config.seed)
        save_targets(make_targets(bank, Vision(encoder, options.grounding or WEIGHTS), encoder), path)
    return load_targets(path)


def _places(options: argparse.Namespace, config: Config, targets: Targets) -> PlaceLoss | None:
    """None without pictures whose things are known."""
    from rich.progress import track

    pictures: list[Iterator[Known]] = []
    if options.cutouts:
        photos, cutouts = read_photos(options.photos, Kinds(options.wordnet), ignore_unknown), Cutouts(options.cutouts)
        pictures += pasted_pictures(photos, cutouts, Part.TRAIN, config.pasted), photo_pictures(photos, cutouts)
    if options.voc:
        pictures.append(voc_pictures(read_kept(options.voc, options.holdout)[: config.pictures]))
    if not pictures:
        return None
    network = load_encoder(Settings.load().cache)
    known = track(chain(*pictures), "looking at things", total=None)
    return PlaceLoss(targets.ids, targets.basis, see_gallery(known, network, options.out / "gallery"))


def _open_gate(
    options: argparse.Namespace, config: Config, adapter: QueryAdapter, reader: SignalReader, phrases: Sequence[Phrase]
) -> None:
    learned = [phrase for phrase in phrases if phrase.group is Group.TRAIN]
    given = (options.photos, options.cutouts, Part.VAL, learned, config.calibration)
    cases = list(pasted_cases(*given, wordnet=options.wordnet))
    model = reader.vitron
    states = states_of(reader, model.tokenizer, [case.phrase for case in cases], learned, config.seed)
    vision = Vision(DenseEncoder(Settings.load().cache, remember=1), options.grounding or WEIGHTS)

    @torch.inference_mode()
    def ask(phrase: Phrase) -> Query:
        query: Query = adapter(model.signals(states[phrase.text]).together())
        return query

    pairs = [(case, vision.look(case.pixels, case.name)) for case in cases]
    losses = choose_gate(adapter, vision, see_all(vision, pairs, ask))
    told = ", ".join(f"{share:.1f}: {loss:.3f}" for share, loss in losses.items())
    sys.stderr.write(f"loss by the share of signals on {len(cases)} things: {told}\n")
    sys.stderr.write(f"a thing counts as there from {float(adapter.present):.2f} on\n")


def _draw(folder: Path, config: Config, reader: SignalReader, phrases: Sequence[Phrase]) -> None:
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("reading steps")
        draw_states(
            reader, reader.vitron.tokenizer, phrases, folder,
            learned=config.learned, tested=config.tested, seed=config.seed, bf16=config.fast,
            report=lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip


if __name__ == "__main__":
    main()
