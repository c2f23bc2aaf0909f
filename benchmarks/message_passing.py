"""What is each half of the message worth? Words, signals and both, on the same photos (the paper's Figure 4).

    python benchmarks/message_passing.py --run STAGE_3_OUT --photos PHOTOS --cutouts CUTOUTS [--count 60] [--seeds 3]

STAGE_3_OUT is what ``python -m vitron_agent.train.stage3_decoder`` left: its targets, and the steps that the frozen LLM
has read. PHOTOS and CUTOUTS as for stage 1. All arms are learned here, from the same phrases for as many passes:

- table: the word channel as it ships, a table of words from WordNet; nothing is learned.
- encoder: the words of the instruction, read by an encoder of its own with at least as many parameters as the signal
  heads.
- encoder on LLM words: the same on the LLM's own word embeddings.
- signal: signal heads on the LLM's states.
- hybrid: table and signal through the gate, as it ships (the gate is chosen on photos of the validation part).

Controls: the signal of another phrase (shuffled), and no signal at all (zero).

First table, *names*: 1,000 photos hold one of a class whose word and look were held out of everything; at which place
does its query rank it? Ridge regression from the same states to class weights is the baseline. Second table, *things*:
held-out things, pasted on photos, are looked for by name and by description; pointing, the best box's overlap, mask
overlap of the localiser's map, and how often anything was returned (``ran``). Mean and spread over seeds.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
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
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.instances import overlaps
from vitron_agent.tools.backends.embedded.query import Query, QueryAdapter, save_adapter
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.parse import parse_phrase
from vitron_agent.train.data.photos.folder import Photo, read_photos
from vitron_agent.train.data.photos.kinds import Kinds
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.fit import Schedule
from vitron_agent.train.fit import fit as train
from vitron_agent.train.signals.aligning import AlignmentLoss, SignalReader, collate
from vitron_agent.train.signals.arms import SignalArm, WordArm, word_ids
from vitron_agent.train.signals.cases import Case, pasted_cases, states_of
from vitron_agent.train.signals.gate import choose_gate, see_all, wanted_places
from vitron_agent.train.signals.phrases import Group, Phrase, read_phrases
from vitron_agent.train.signals.states import States, load_states
from vitron_agent.train.signals.targets import Targets, load_targets
from vitron_agent.train.stage3_decoder import new_adapter

ARMS = ("table", "encoder", "encoder on LLM words", "signal", "hybrid")
_SIZE = SIZES[0]


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
    """

    phrases: Sequence[Phrase]
    states: Tensor
    words: Tensor
    asked: Mapping[str, Tensor]
    encode: Callable[[str], list[int]]
    embeddings: Tensor
    targets: Targets

    def words_of(self, phrase: Phrase) -> Tensor:
        """What the encoders read."""
        return word_ids(phrase.text, self.encode)


Asker = Callable[[Phrase], Query]
"""An arm that was learned."""


def learn(arm: str, material: Material, seed: int, epochs: float, out: Path) -> tuple[Asker, QueryAdapter]:
    """Learns one arm."""
    torch.manual_seed(seed)
    targets, loss = material.targets, AlignmentLoss(material.targets)
    adapter = new_adapter(SignalConfig(), targets)
    if arm == "signal":
        model: torch.nn.Module = SignalArm(SignalHeads(SignalConfig(), material.states.shape[2]), adapter)
        given, asked = material.states, lambda phrase: material.asked[phrase.text]
    else:
        known = material.embeddings if arm == "encoder on LLM words" else None
        model = WordArm(adapter, len(material.embeddings), known)
        given, asked = material.words, material.words_of
    rows = [loss.row(phrase) if phrase.group is Group.TRAIN else None for phrase in material.phrases]
    examples = [
        {"input_ids": [0], "labels": [row], "given": each}
        for row, each in zip(rows, given, strict=True)
        if row is not None
    ]
    schedule = Schedule(epochs=epochs, learning_rate=1e-3, batch=64, seed=seed, save_steps=100_000)
    train(model, examples, collate, loss, schedule, out / f"{arm}-{seed}".replace(" ", "_"))
    model.eval()

    @torch.inference_mode()
    def ask(phrase: Phrase) -> Query:
        weight, bias = model(asked(phrase)[None])
        return adapter.query(weight[0], bias[0])

    return ask, adapter


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


def look_for(grounding: EmbeddedGrounding, view: View, case: Case, words: str, query: Query | None) -> dict[str, float]:
    """What one request is worth."""
    found = grounding.search_phrase(view, parse_phrase(words, load_nouns()), query=query)
    boxes = np.array([finding.box for finding in found.findings]).reshape(-1, 4)
    if found.places is None or not len(boxes):
        return {"pointing": 0.0, "box_iou": 0.0, "mask_iou": 0.0, "ran": 0.0}
    x, y = map(float, dict(found.findings[0].facts)["point"].split())
    left, top, right, bottom = case.box
    rows, columns = found.places.mask.shape
    wanted = wanted_places(case.mask, (rows, columns)).numpy() > 0.5
    seen = found.places.mask.numpy() > 0
    return {
        "pointing": float(left <= x <= right and top <= y <= bottom),
        "box_iou": float(max(overlaps(np.array(case.box), boxes))),
        "mask_iou": float((seen & wanted).sum() / max(1, (seen | wanted).sum())),
        "ran": 1.0,
    }


def calibrate(
    adapter: QueryAdapter, ask: Asker, vision: Vision, cases: Sequence[tuple[Case, View]], path: Path
) -> EmbeddedGrounding:
    """Grounding with an arm's adapter, whose gate and threshold were chosen on cases."""
    choose_gate(adapter, vision, see_all(vision, cases, ask))
    save_adapter(adapter, path, {})
    return EmbeddedGrounding(vision, path)


def compare_names(
    material: Material, album: Album, arms: Mapping[str, Sequence[Asker]], seed: int
) -> dict[str, list[dict[str, float]]]:
    """The first table."""
    words = {phrase.things[0]: phrase for phrase in material.phrases if _is_new_word(phrase)}
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


def _is_new_word(phrase: Phrase) -> bool:
    return phrase.group is Group.NEW_THING and not phrase.described


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


class Things:
    """The second table: cases of held-out things, and of things to calibrate on.

    Args:
        vision: Looks.
        calibration: Cases of the validation part.
        cases: What is measured.
    """

    def __init__(self, vision: Vision, calibration: Sequence[Case], cases: Sequence[Case]) -> None:
        self.vision = vision
        self.calibration = [(case, self._look(case)) for case in track(calibration, "looking at photos")]
        self.cases = [(case, self._look(case)) for case in track(cases, "looking at photos")]

    def _look(self, case: Case) -> View:
        return self.vision.look(case.pixels, case.name)

    def measure(
        self, grounding: EmbeddedGrounding, described: bool, words: bool, ask: Asker | None
    ) -> dict[str, float]:
        """Means over the cases that are, or aren't, asked for by a description."""
        rows = [
            look_for(grounding, view, case, case.phrase.text if words else "", ask(case.phrase) if ask else None)
            for case, view in self.cases
            if case.phrase.described is described
        ]
        return {metric: float(np.mean([row[metric] for row in rows])) for metric in rows[0]}

    def shuffled(self, ask: Asker, seed: int) -> Asker:
        """The same arm, asked with another case's phrase."""
        phrases = list({case.phrase.text: case.phrase for case, _ in self.cases}.values())
        turned = phrases[1 + seed :] + phrases[: 1 + seed]
        others = {phrase.text: other for phrase, other in zip(phrases, turned, strict=True)}
        return lambda phrase: ask(others[phrase.text])


def compare_things(
    things: Things, arms: Mapping[str, Sequence[tuple[Asker, QueryAdapter]]], described: bool, out: Path
) -> dict[str, list[dict[str, float]]]:
    """The second table, for names or for descriptions."""
    found: dict[str, list[dict[str, float]]] = {"table": [], "hybrid": [], "signal, shuffled": [], "signal, zero": []}
    found["table"].append(things.measure(EmbeddedGrounding(things.vision, None), described, True, None))
    for arm, seeds in arms.items():
        for seed, (ask, adapter) in enumerate(seeds):
            grounding = calibrate(adapter, ask, things.vision, things.calibration, out / f"{arm}-{seed}.safetensors")
            found.setdefault(arm, []).append(things.measure(grounding, described, False, ask))
            if arm == "signal":
                found["hybrid"].append(things.measure(grounding, described, True, ask))
                other = things.shuffled(ask, seed)
                found["signal, shuffled"].append(things.measure(grounding, described, False, other))
                dims = adapter.shape.dims
                nothing = adapter.query(torch.zeros(dims), torch.zeros(()))
                found["signal, zero"].append(things.measure(grounding, described, False, lambda _, q=nothing: q))
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="what stage 3 left")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--cutouts", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60, help="held-out things that are looked for, of each sort")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=20, help="passes over the phrases, of each arm")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is learned and seen on the way")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    log = Console()
    settings = Settings.load()
    options.out.mkdir(parents=True, exist_ok=True)
    phrases = read_phrases()
    by_text = {phrase.text: phrase for phrase in phrases}
    states = load_states(options.run / "states.safetensors")
    new = [phrase for phrase in phrases if phrase.group is Group.NEW_THING]
    cases = [
        case
        for described in (False, True)
        for case in pasted_cases(
            options.photos, options.cutouts, Part.TEST_NEW,
            [phrase for phrase in new if phrase.described is described], options.count,
        )
    ]  # fmt: skip
    learned = [phrase for phrase in phrases if phrase.group is Group.TRAIN]
    calibration = list(pasted_cases(options.photos, options.cutouts, Part.VAL, learned, options.count // 2))
    album_photos = read_photos(options.photos, Kinds(), lambda bad: log.print(bad.why))
    material = _material(options.run, states, by_text, [case.phrase for case in (*cases, *calibration)], album_photos)
    arms = {
        arm: [learn(arm, material, seed, options.epochs, options.out) for seed in range(options.seeds)]
        for arm in ("encoder", "encoder on LLM words", "signal")
    }
    album = Album(album_photos, settings.cache, options.out / "album")
    askers = {arm: [ask for ask, _ in found] for arm, found in arms.items()}
    results = {"names": compare_names(material, album, askers, 0)}
    show("held-out words: at which place is their photo?", results["names"], log)
    encoder = DenseEncoder(settings.cache, remember=1)
    things = Things(Vision(encoder), calibration, cases)
    for described, title in ((False, "held-out things, by name"), (True, "held-out things, by description")):
        results[title] = compare_things(things, arms, described, options.out)
        count = sum(case.phrase.described is described for case in cases)
        show(f"{title}: {count} cases", results[title], log)
    if options.json:
        log.print_json(json.dumps(results))


def _material(
    run: Path, states: States, by_text: Mapping[str, Phrase], asked: Sequence[Phrase], photos: Sequence[Photo]
) -> Material:
    """With the states of a plain request for everything that is asked about."""
    model = VitronModel.from_pretrained(run / "model").eval()
    phrases = [by_text[text] for text in states.texts]
    shown = {photo.kind.wordnet_id for photo in photos}
    words = {phrase.things[0]: phrase for phrase in phrases if _is_new_word(phrase) and phrase.things[0] in shown}
    learned = [phrase for phrase in by_text.values() if phrase.group is Group.TRAIN]
    requests = states_of(SignalReader(model), model.tokenizer, [*asked, *words.values()], learned)
    return Material(
        phrases, states.hidden.float(), _words(states, model.tokenizer.encode_text),
        requests, model.tokenizer.encode_text, model.llm.get_input_embeddings().weight.detach().clone(),
        load_targets(run / "targets.safetensors"),
    )  # fmt: skip


def _words(states: States, encode: Callable[[str], list[int]]) -> Tensor:
    return torch.stack([word_ids(text, encode) for text in states.texts])


if __name__ == "__main__":
    main()
