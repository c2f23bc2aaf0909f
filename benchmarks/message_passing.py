"""What is each half of the message worth? Words, signals and both, on the same photos (the paper's Figure 4).

    python benchmarks/message_passing.py --run STAGE_3_OUT --photos PHOTOS --cutouts CUTOUTS --voc VOC [--seeds 3]

STAGE_3_OUT is what ``python -m vitron_agent.train.stage3_decoder`` left: its targets, and the steps that the frozen LLM
has read. PHOTOS, CUTOUTS and VOC as for stage 3. All arms are learned here, from the same phrases and pictures for as
many passes, with the same two losses:

- table: the word channel as it ships, a table of words from WordNet; nothing is learned.
- encoder: the words of the instruction, read by an encoder of its own with at least as many parameters as the signal
  heads.
- encoder on LLM words: the same on the LLM's own word embeddings.
- signal: signal heads on the LLM's states.
- hybrid: table and signal through the gate, as it ships; where the table has no entry, the signal.
- table and encoder, table and encoder on LLM words: the same with an encoder in the place of the signal.

Controls: the signal of another phrase (shuffled), alone and in the hybrid, and no signal at all (zero). From where on a
thing counts as there is chosen for each arm on pictures of the validation part: a tenth of what isn't there passes.

First table, *names*: photos hold one of a class whose word and look were held out of everything; at which place does
its query rank it? Ridge regression from the same states to class weights is the baseline. The others, *things* on
pasted photos and on photos of VOC (every fifth, which no arm learned from; the word channel, whose queries all arms
learn from, did): held-out things by name and by gloss; and phrases that the table has no entry for
(``unlisted.tsv``), about things that are held out, that are known, and of VOC. *best*: the map's best place lies on the
thing, whatever the threshold; *pointing*: the best finding does; *box_iou*: the best box; *ran*: anything was found;
*auc*: of telling what is there from what isn't. Mean and spread over seeds. Below each, how much better one arm is than
another, with the 95 % interval that the choice of things leaves (bootstrap over things; the mean of all seeds).
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.encoders.dense import SIZES, DenseEncoder, fit
from vitron_agent.model.encoders.weights import load_encoder
from vitron_agent.model.signals import SignalConfig, SignalHeads
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.query import Query, QueryAdapter
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import Meaning, load_nouns
from vitron_agent.tools.phrases.parse import parse_phrase
from vitron_agent.train.data.photos.cutouts import Cutouts
from vitron_agent.train.data.photos.folder import Photo, read_photos
from vitron_agent.train.data.photos.kinds import Kinds
from vitron_agent.train.data.photos.split import VOC_KINDS, Part
from vitron_agent.train.data.voc import held_out, read_voc
from vitron_agent.train.signals.aligning import AlignmentLoss, SignalReader, examples
from vitron_agent.train.signals.arms import SignalArm, WordArm, word_ids
from vitron_agent.train.signals.cases import pasted_cases, states_of
from vitron_agent.train.signals.gallery import (
    Gallery,
    Known,
    pasted_pictures,
    photo_pictures,
    see_gallery,
    voc_pictures,
)
from vitron_agent.train.signals.gate import FALSE_ALARMS, choose_gate, see_all, threshold_at
from vitron_agent.train.signals.phrases import Group, Phrase, read_phrases
from vitron_agent.train.signals.pictures import ignore_unknown
from vitron_agent.train.signals.places import PlaceLoss
from vitron_agent.train.signals.states import States, load_states, save_states
from vitron_agent.train.signals.targets import Targets, load_targets
from vitron_agent.train.signals.trials import NOTHING, Answer, Say, answer, questions, summary
from vitron_agent.train.stage3_decoder import Config, embedded, learn_arm, new_adapter

LEARNED = ("encoder", "encoder on LLM words", "signal")
COMPARED = (
    ("signal", "encoder"),
    ("signal", "encoder on LLM words"),
    ("signal", "signal, shuffled"),
    ("hybrid", "table"),
    ("hybrid", "table and encoder on LLM words"),
    ("hybrid", "hybrid, shuffled"),
)
"""How much better is the first than the second?"""
HOLDOUT = "0/5"
"""The photos of VOC that are asked about."""
_VOC_PICTURES = 100
"""Of the others, so many are learned from."""
_SIZE = SIZES[0]
_MAPS = 32
_VOC = frozenset(ids[0] for ids in VOC_KINDS.values())
Groups = Mapping[str, Sequence[Phrase]]


@dataclass(frozen=True)
class Material:
    """What all arms are learned from, and asked about.

    Attributes:
        phrases: Of each step.
        states: [n, n_s + n_p, width], the LLM's.
        words: [n, 24], the phrases' tokens.
        asked: The states of a request for each phrase that is asked about, by its text.
        encode: The LLM's tokenizer.
        embeddings: [vocabulary, width], the LLM's word embeddings.
        targets: What is learned.
        places: On pictures.
    """

    phrases: Sequence[Phrase]
    states: Tensor
    words: Tensor
    asked: Mapping[str, Tensor]
    encode: Callable[[str], list[int]]
    embeddings: Tensor
    targets: Targets
    places: PlaceLoss

    def words_of(self, phrase: Phrase) -> Tensor:
        """What the encoders read."""
        return word_ids(phrase.text, self.encode)


Asker = Callable[[Phrase], Query]
"""An arm that was learned."""


def learn(arm: str, material: Material, seed: int, config: Config, out: Path) -> tuple[Asker, QueryAdapter]:
    """Learns one arm."""
    torch.manual_seed(seed)
    alignment = AlignmentLoss(material.targets)
    adapter = new_adapter(SignalConfig(), material.targets)
    if arm == "signal":
        model: SignalArm | WordArm = SignalArm(SignalHeads(SignalConfig(), material.states.shape[2]), adapter)
        given, asked = material.states, lambda phrase: material.asked[phrase.text]
    else:
        known = material.embeddings if arm == "encoder on LLM words" else None
        model = WordArm(adapter, len(material.embeddings), known)
        given, asked = material.words, material.words_of
    made = examples(material.phrases, given, alignment)
    folder = out / f"{arm}-{seed}".replace(" ", "_")
    learn_arm(replace(config, seed=seed, save_steps=100_000), model, made, alignment, material.places, folder)
    model.eval()

    @cache
    @torch.inference_mode()
    def query(phrase: Phrase) -> Query:
        weights, biases = adapter.mixed(*model(asked(phrase)[None]))
        return adapter.query(weights[0], biases[0])

    return query, adapter


class Album:
    """Small views of many photos: the logits' evidence and the features of the whole, for the ranking of names."""

    def __init__(self, photos: Sequence[Photo], cache: Path, folder: Path) -> None:
        self.photos = photos
        folder.mkdir(parents=True, exist_ok=True)
        network = load_encoder(cache)
        heads = []
        for photo in track(photos, "looking at photos"):
            path = folder / f"{photo.name}.pt"
            if not path.is_file():
                with Image.open(photo.path) as opened:
                    picture = opened.convert("RGB")
                pixels = np.asarray(picture.resize(fit(*picture.size, _SIZE), Image.Resampling.BICUBIC))
                head = network.levels(torch.from_numpy(pixels.transpose(2, 0, 1).copy())).head
                torch.save(head.mean(dim=(1, 2)), path)
            heads.append(torch.load(path, weights_only=True))
        self.heads = torch.stack(heads)
        self.evidence = torch.logsumexp(network.classify(self.heads.T[:, :, None])[..., 0], dim=0)

    def rank(self, query: Query, position: int) -> int:
        """How many photos look more like it than the one at a position."""
        likeness = self.heads @ query.weight + query.bias - self.evidence
        return int((likeness > likeness[position]).sum())


def ranks(album: Album, named: Sequence[tuple[int, Phrase]], ask: Asker) -> dict[str, float]:
    """Median rank and share in the first ten, of each phrase's photo."""
    found = np.array([album.rank(ask(phrase), position) for position, phrase in named])
    return {"median": float(np.median(found)), "first10": float((found < 10).mean())}


def ridge(material: Material, strength: float = 100.0) -> Asker:
    """Linear regression from the states to the targets' weights."""
    kept = [number for number, phrase in enumerate(material.phrases) if phrase.group is Group.TRAIN]
    rows = AlignmentLoss(material.targets)
    pairs = [(number, row) for number in kept if (row := rows.row(material.phrases[number])) is not None]
    x = _flat(material.states[[number for number, _ in pairs]])
    y = torch.cat([material.targets.weights, material.targets.biases[:, None]], dim=1)[[row for _, row in pairs]]
    mean, scale, level = x.mean(dim=0), x.std(dim=0) + 1e-6, y.mean(dim=0)
    x = (x - mean) / scale
    solved = torch.linalg.solve(x.T @ x + strength * torch.eye(x.shape[1]), x.T @ (y - level))
    adapter = new_adapter(SignalConfig(), material.targets)

    def ask(phrase: Phrase) -> Query:
        found = (_flat(material.asked[phrase.text][None])[0] - mean) / scale @ solved + level
        return adapter.query(found[:-1], found[-1])

    return ask


def _flat(states: Tensor) -> Tensor:
    """Means of the tokens of v_s and of v_p: two times the width is what this many phrases can bear."""
    first, second = states.float().chunk(2, dim=-2)
    return torch.cat([first.mean(dim=-2), second.mean(dim=-2)], dim=-1)


def compare_names(
    material: Material, album: Album, words: Mapping[str, Phrase], arms: Mapping[str, Sequence[Asker]], seed: int
) -> dict[str, list[dict[str, float]]]:
    """The first table."""
    named = [
        (position, words[photo.kind.wordnet_id])
        for position, photo in enumerate(album.photos)
        if photo.kind.wordnet_id in words
    ]
    found = {arm: [ranks(album, named, ask) for ask in asks] for arm, asks in arms.items()}
    phrases = [phrase for _, phrase in named]
    others = dict(zip((phrase.text for phrase in phrases), Random(seed).sample(phrases, len(phrases)), strict=True))
    found["signal, shuffled"] = [
        ranks(album, named, lambda phrase, ask=ask: ask(others[phrase.text])) for ask in arms["signal"]
    ]
    found["ridge on the same states"] = [ranks(album, named, ridge(material))]
    return {f"{arm} ({len(named)} photos of {len(album.photos)})": rows for arm, rows in found.items()}


def new_words(phrases: Sequence[Phrase], photos: Sequence[Photo]) -> dict[str, Phrase]:
    """A name of each held-out thing that there is a photo of: the first that the table lists, by its WordNet id."""
    shown = {photo.kind.wordnet_id for photo in photos}
    new = [one for one in phrases if one.group is Group.NEW_THING and not one.described and one.things[0] in shown]
    return {phrase.things[0]: phrase for phrase in reversed(new)}


def mean_spread(rows: Sequence[Mapping[str, float]], metric: str) -> str:
    """``0.51 ± 0.02``."""
    values = [row[metric] for row in rows]
    spread = f" ± {np.std(values):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def show(title: str, found: Mapping[str, Sequence[Mapping[str, float]]], log: Console) -> None:
    """Prints a table."""
    metrics = list(next(iter(found.values()))[0])
    table = Table("arm", *metrics, title=title)
    for arm, rows in found.items():
        table.add_row(arm, *(mean_spread(rows, metric) for metric in metrics))
    log.print(table)


def differences(found: Mapping[str, Sequence[Sequence[Answer]]], group: str) -> list[str]:
    """By how much one arm is better than another; lines of text."""
    told = []
    for one, other in COMPARED:
        if not {one, other} <= found.keys():
            continue
        for metric in ("best", "pointing"):
            both = [_of_things(found[arm], group, metric) for arm in (one, other)]
            apart = both[0] - both[1]
            drawn = np.random.default_rng(0).integers(0, len(apart), (2000, len(apart)))
            low, high = np.quantile(apart[drawn].mean(axis=1), (0.025, 0.975))
            told.append(f"{one} - {other}, {metric}: {apart.mean():+.3f} ({low:+.3f} to {high:+.3f})")
    return told


def _of_things(seeds: Sequence[Sequence[Answer]], group: str, metric: str) -> NDArray[np.float64]:
    """[things], the mean over seeds."""
    rows = [[float(getattr(one, metric)) for one in each if one.group == group and one.there] for each in seeds]
    mean: NDArray[np.float64] = np.array(rows).mean(axis=0)
    return mean


@dataclass(frozen=True)
class Channel:
    """What answers questions, and from where on it counts a thing as there, by whether the table has an entry."""

    say: Say
    listed: float = -math.inf
    unlisted: float = -math.inf


@cache
def in_table(phrase: Phrase) -> Meaning | None:
    """What the table of words makes of it."""
    return parse_phrase(phrase.text, load_nouns()).sought


def channels(vision: Vision, arms: Mapping[str, Sequence[tuple[Asker, QueryAdapter]]], others: Mapping[str, Phrase],
             ) -> dict[str, list[Say]]:  # fmt: skip
    """What each arm says, of each seed."""

    # Several arms use the same maps, one after the other.
    @lru_cache(maxsize=_MAPS)
    def table(view: View, phrase: Phrase) -> Tensor | None:
        meaning = in_table(phrase)
        return None if meaning is None else vision.likeness(view, meaning)

    @lru_cache(maxsize=_MAPS)
    def signal(ask: Asker, view: View, phrase: Phrase) -> Tensor:
        return view.like_signal(ask(phrase))

    def both(ask: Asker, adapter: QueryAdapter, view: View, phrase: Phrase) -> Tensor:
        words, signals = table(view, phrase), signal(ask, view, phrase)
        return signals if words is None else adapter.blend(words, signals)

    @cache
    def shuffled(ask: Asker) -> Asker:
        return lambda phrase: ask(others[phrase.text])

    alone: dict[str, list[Say]] = {arm: [partial(signal, ask) for ask, _ in seeds] for arm, seeds in arms.items()}
    with_table: dict[str, list[Say]] = {
        _with_table(arm): [partial(both, *learned) for learned in seeds] for arm, seeds in arms.items()
    }
    return {
        "table": [table],
        **alone,
        **with_table,
        "signal, shuffled": [partial(signal, shuffled(ask)) for ask, _ in arms["signal"]],
        "hybrid, shuffled": [partial(both, shuffled(ask), adapter) for ask, adapter in arms["signal"]],
        "signal, zero": [lambda view, _: torch.full((3, *view.features.grid), NOTHING)],
    }


def _with_table(arm: str) -> str:
    return "hybrid" if arm == "signal" else f"table and {arm}"


def answers(
    pictures: Iterable[Known], groups: Groups, absent: int, vision: Vision, asked: Mapping[str, Sequence[Channel]]
) -> dict[str, list[list[Answer]]]:
    """All answers, by arm and seed."""
    found: dict[str, list[list[Answer]]] = {arm: [[] for _ in seeds] for arm, seeds in asked.items()}
    for number, known in enumerate(track(list(pictures), "asking")):
        view = vision.look(known.load()[0], known.name)
        for question in questions(known, groups, absent, Random(number)):
            listed = in_table(question.phrase) is not None
            for arm, seeds in asked.items():
                for answered, channel in zip(found[arm], seeds, strict=True):
                    threshold = channel.listed if listed else channel.unlisted
                    answered.append(answer(question, view, vision, channel.say, threshold))
    return found


def calibrated(
    says: Mapping[str, Sequence[Say]], found: Mapping[str, Sequence[Sequence[Answer]]]
) -> dict[str, list[Channel]]:
    """Channels of which a tenth of what isn't there passes, on the validation part's listed phrases."""
    peaks = {
        arm: [threshold_at([one.peak for one in each if not one.there], FALSE_ALARMS) for each in seeds]
        for arm, seeds in found.items()
    }
    made = {
        arm: [Channel(say, one, one) for say, one in zip(seeds, peaks[arm], strict=True)] for arm, seeds in says.items()
    }
    for arm in [name for name in LEARNED if name in made]:
        pairs = zip(made[_with_table(arm)], peaks[arm], strict=True)
        made[_with_table(arm)] = [replace(one, unlisted=threshold) for one, threshold in pairs]
    for control, arm in (("signal, shuffled", "signal"), ("hybrid, shuffled", "hybrid"), ("signal, zero", "signal")):
        made[control] = [replace(one, say=say) for one, say in zip(made[arm], says[control], strict=False)]
    return made


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="what stage 3 left")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--cutouts", type=Path, required=True)
    parser.add_argument("--voc", type=Path, required=True)
    parser.add_argument("--count", type=int, default=30, help="pictures of each sort that things are looked for on")
    parser.add_argument("--pasted", type=int, default=300, help="pasted pictures to learn from")
    parser.add_argument("--arms", nargs="+", default=list(LEARNED), choices=LEARNED, help="which are learned")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=8, help="passes of each arm, before those on pictures")
    parser.add_argument("--place-epochs", type=float, default=3, help="passes of each arm with the loss of places")
    parser.add_argument("--fp32", action="store_true", help="for a CPU without AVX512-BF16, which is slow in bfloat16")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is learned and seen on the way")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    log = Console()
    settings = Settings.load()
    phrases = read_phrases()
    photos, cutouts = read_photos(options.photos, Kinds(), ignore_unknown), Cutouts(options.cutouts)
    rest, test = held_out(read_voc(options.voc), HOLDOUT)
    unlisted = read_unlisted()
    shown = {part: {one.wordnet_id for one in cutouts.usable(part)} for part in Part}
    of = {part: [phrase for phrase in phrases if phrase.things[0] in ids] for part, ids in shown.items()}
    new = [phrase for phrase in of[Part.TEST_NEW] if phrase.group is Group.NEW_THING and in_table(phrase)]
    learned = [phrase for phrase in phrases if phrase.group is Group.TRAIN and in_table(phrase)]
    val = [phrase for phrase in of[Part.VAL] if phrase.group is Group.TRAIN and in_table(phrase)]
    val += Random(0).sample(learned, 30)
    pasted = partial(pasted_pictures, photos, cutouts)
    trials: list[tuple[list[Known], Groups]] = [
        (list(pasted(Part.TEST_NEW, options.count)), {
            "new things by name": [phrase for phrase in new if not phrase.described],
            "new things by gloss": [phrase for phrase in new if phrase.described],
            "new things, not in the table": [one for one in unlisted if one.things[0] in shown[Part.TEST_NEW]],
        }),
        (list(pasted(Part.TEST_SEEN, options.count)), {
            "known things, not in the table": [one for one in unlisted if one.things[0] in shown[Part.TEST_SEEN]],
        }),
        (list(voc_pictures(test[: options.count])), {
            "VOC, not in the table": [one for one in unlisted if one.things[0] in _VOC],
        }),
    ]  # fmt: skip
    gallery = see_gallery(
        chain(
            pasted(Part.TRAIN, options.pasted), photo_pictures(photos, cutouts), voc_pictures(rest[:_VOC_PICTURES])
        ),
        load_encoder(settings.cache), options.out / "gallery",
    )  # fmt: skip
    words = new_words(phrases, photos)
    asked = [phrase for _, groups in trials for group in groups.values() for phrase in group]
    wanted = [*asked, *val, *words.values()]
    material = _material(options.run, {one.text: one for one in phrases}, wanted, gallery, options.out)
    config = replace(embedded(), epochs=options.epochs, place_epochs=options.place_epochs, fast=not options.fp32)
    arms = {
        arm: [learn(arm, material, seed, config, options.out) for seed in range(options.seeds)] for arm in options.arms
    }
    album = Album(photos, settings.cache, options.out / "album")
    results = {
        "names": compare_names(material, album, words, {arm: [ask for ask, _ in each] for arm, each in arms.items()}, 0)
    }
    show("held-out words: at which place is their photo?", results["names"], log)
    vision = Vision(DenseEncoder(settings.cache, remember=1))
    cases = list(pasted_cases(options.photos, options.cutouts, Part.VAL, val, options.count // 2))
    pairs = [(case, vision.look(case.pixels, case.name)) for case in cases]
    for arm, learned_arms in arms.items():
        for ask, adapter in learned_arms:
            losses = choose_gate(adapter, vision, see_all(vision, pairs, ask))
            told = ", ".join(f"{share:.1f}: {loss:.4f}" for share, loss in losses.items())
            log.print(f"{_with_table(arm)}, loss by the share that the table has not: {told}")
    del pairs
    says = channels(vision, arms, _others([*asked, *val]))
    plain = {arm: [Channel(say, math.inf, math.inf) for say in seeds] for arm, seeds in says.items()}
    found = answers(pasted(Part.VAL, options.count // 2), {"val": val}, 20, vision, plain)
    ready = calibrated(says, found)
    for pictures, groups in trials:
        found = answers(pictures, groups, 6, vision, ready)
        for group in groups:
            rows = {
                arm: [summary([one for one in each if one.group == group]) for each in seeds]
                for arm, seeds in found.items()
            }
            count = sum(one.there for one in found["table"][0] if one.group == group)
            results[group] = rows
            show(f"{group}: {count} things", rows, log)
            log.print(*differences(found, group), sep="\n")
    if options.json:
        log.print_json(json.dumps(results))


def read_unlisted() -> list[Phrase]:
    """Phrases that the table has no entry for."""
    lines = (Path(__file__).parent / "unlisted.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    return [Phrase(text, (kind,), Group.NEW_WORD, described=True) for kind, text in pairs]


def _others(phrases: Sequence[Phrase]) -> dict[str, Phrase]:
    """For each phrase one about something else."""
    different = list({phrase.text: phrase for phrase in phrases}.values())
    mixed = Random(0).sample(different, len(different))
    return {
        phrase.text: next(other for other in mixed[number + 1 :] + mixed if other.things != phrase.things)
        for number, phrase in enumerate(mixed)
    }


def _material(
    run: Path, by_text: Mapping[str, Phrase], wanted: Sequence[Phrase], gallery: Gallery, out: Path
) -> Material:
    """With the states of a plain request for everything that is asked about, read once."""
    states, targets = load_states(run / "states.safetensors"), load_targets(run / "targets.safetensors")
    model = VitronModel.from_pretrained(run / "model").eval()
    phrases = [by_text[text] for text in states.texts]
    path = out / "asked.safetensors"
    if not path.is_file():
        learned = [phrase for phrase in by_text.values() if phrase.group is Group.TRAIN]
        read = states_of(SignalReader(model), model.tokenizer, wanted, learned)
        save_states(States(torch.stack(list(read.values())), tuple(read), torch.zeros(len(read))), path)
    kept, encode = load_states(path), model.tokenizer.encode_text
    return Material(
        phrases, states.hidden.float(), torch.stack([word_ids(text, encode) for text in states.texts]),
        dict(zip(kept.texts, kept.hidden, strict=True)), encode,
        model.llm.get_input_embeddings().weight.detach().clone(), targets,
        PlaceLoss(targets.ids, targets.basis, gallery),
    )  # fmt: skip


if __name__ == "__main__":
    main()
