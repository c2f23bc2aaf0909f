"""Are answers in words about real photos right, and where they can't be, modest?

    python benchmarks/answers.py --voc FOLDER [--part PART --weights FILE] [--photos FOLDER] [--json] [--wrong N]

``--voc`` has the layout of Pascal VOC 2007, whose photos show everything of twenty kinds with a box: for each kind that
a photo shows it is asked whether one is there, how many and where; of another photo without it, whether one is there,
so that the kind alone says nothing. Each photo is described once, boxes around its things are asked about ("what is
this?"), and something that can't be seen (who owns it). ``--photos`` holds photos ``<WordNet id>_<class>.jpg`` that
show one known thing each: what is it, is there one, is there one of another photo's.

- right, wrong: the answer was given, and is. modest: "I can't tell", "it might be"; also what does not answer. silent:
  no answer. Of what can't be seen, saying so is right. A description is wrong if it contradicts the photo, and right if
  it does not and surely names something that is there.
- contradicts: anything in the answer is not so: a kind that isn't there, a number, a place.
- mentions: share of what should be named that is named at all, if only by "it might be".
- majority: how often the one answer is right that is right most often on the photos that are *not* measured on.

Each is a mean with its bootstrap 95 % interval, questions taken for independent. Photos that the weights of grounding
were learned from say little (docs/grounding.md): measure on the part that was left out, as ``benchmarks/grounding.py``
does. ``--answerer package.module:make`` measures another answerer: ``make()`` gives a callable from a question and a
:class:`vitron_agent.tools.words.Picture` to a text, or None.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from pkgutil import resolve_name
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vitron_agent.config import Settings
from vitron_agent.messages import Region
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.learned import WEIGHTS
from vitron_agent.tools.backends.embedded.sight import EmbeddedSight
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.words import Picture, Words
from vitron_agent.train.data.photos.folder import Photo as ClassPhoto
from vitron_agent.train.data.photos.folder import read_photos
from vitron_agent.train.data.photos.kinds import Kinds, Sort, Word
from vitron_agent.train.data.photos.wording import countable, indefinite, plural
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.voc import PLAIN_NAMES, Photo, held_out, read_voc
from vitron_agent.train.metrics.intervals import Estimate, estimates
from vitron_agent.train.metrics.photo_answers import Judged, Known, Meant, Question, judge

Answerer: TypeAlias = Callable[[str, Picture], str | None]
_THINGS = 3
"""Of a photo are asked about, at most; the largest."""
_UNSEEN = (
    "What is the name of the {it}?", "How much does the {it} weigh?", "Who owns the {it}?", "How old is the {it}?",
    "Where was the {it} bought?", "What is hidden behind the {it}?", "What does the {it} smell of?",
)  # fmt: skip
_CONSTANT = {
    "exists": ("Yes, there is a {it}.", "No, there is no {it}."),
    "count": ("There is one {it}.", "There are two {it}.", "There are three {it}."),
    "where": ("The {it} is in the middle.", "The {it} is on the left.", "The {it} is over most of the picture."),
    "describe": ("There is a person.", "There is a car.", "I can't tell."),
    "name": ("It is a person.", "It is a dog.", "It is a bird.", "It is a car."),
    "unknowable": ("I can't tell.",),
}
"""Answers of somebody who sees nothing, by the sort of question."""


@dataclass(frozen=True)
class Asked:
    """A question on a photo."""

    group: str
    question: Question
    word: str
    known: Known | None
    load: Callable[[], NDArray[np.uint8]]
    name: str
    region: Region | None = None


def ask_voc(photos: Sequence[Photo], seed: int = 0) -> Iterator[Asked]:
    """All questions about photos of VOC, photo by photo."""
    rng = Random(seed)
    absent: defaultdict[str, list[str]] = defaultdict(list)
    for photo in photos:
        for kind in photo.asked:
            others = [other for other in photos if all(thing.name != kind for thing in other.things)]
            absent[rng.choice(others).name].append(kind)
    for photo in photos:
        yield from _about(photo, absent[photo.name], rng)


def _about(photo: Photo, absent: Sequence[str], rng: Random) -> Iterator[Asked]:
    def ask(group: str, question: Question, region: Region | None = None) -> Asked:
        return Asked(group, question, _word(question.kind), Known.of(photo), photo.image, photo.name, region)

    for kind, is_there in [(kind, True) for kind in photo.asked] + [(kind, False) for kind in absent]:
        form = rng.choice(("Is there {a} in the picture?", "Can you see {a}?", "Are there any {many}?"))
        text = form.format(a=indefinite(_word(kind)), many=plural(_word(kind)))
        group = f"is there one? {'yes' if is_there else 'no'}"
        yield ask(group, Question("exists", text, Meant.kind(kind), kind, is_there))
    for kind in photo.asked:
        meant, word = Meant.kind(kind), _word(kind)
        yield ask("how many?", Question("count", f"How many {plural(word)} are there?", meant, kind))
        where = f"Where is the {word}?" if len(photo.boxes(kind)) == 1 else f"Where are the {plural(word)}?"
        yield ask("where?", Question("where", where, meant, kind))
    if photo.asked:
        yield ask("describe", Question("describe", "What is in the picture?"))
        text = rng.choice(_UNSEEN).format(it=_word(rng.choice(photo.asked)))
        yield ask("what can't be seen", Question("unknowable", text))
    sized = sorted(photo.things, key=lambda thing: (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1]))
    for thing in [thing for thing in reversed(sized) if not thing.difficult][:_THINGS]:
        question = Question("name", "What is this?", Meant.kind(thing.name), thing.name)
        yield ask("what is this box?", question, Region.box(*thing.box))


def _word(kind: str) -> str:
    return PLAIN_NAMES.get(kind, kind)


def ask_photos(photos: Sequence[ClassPhoto], seed: int = 0) -> Iterator[Asked]:
    """What class photos show, whether that is there, and whether what another one shows is."""
    rng = Random(seed)
    words = {photo.name: _words(photo) for photo in photos}
    usable = [photo for photo in photos if words[photo.name]]
    for photo in usable:
        own = rng.choice(words[photo.name])
        strange = [
            word for other in usable for word in words[other.name]
            if word.sort is Sort.NAME and not photo.kind.fits(word) and photo.kind.wordnet_id not in other.kind.above
        ]  # fmt: skip
        meant = Meant(frozenset({photo.kind.wordnet_id}), photo.kind.above)
        for group, question, word in (
            ("class photo: what is it?", Question("name", "What is this?", meant), own),
            ("class photo: is there one? yes", _exists(own, is_there=True), own),
            ("class photo: is there one? no", _exists(other := rng.choice(strange), is_there=False), other),
        ):
            yield Asked(group, question, word.text, None, partial(read_picture, photo.path), photo.name)


def _words(photo: ClassPhoto) -> list[Word]:
    wanted = (Sort.NAME, Sort.FAMILY)
    return [word for word in photo.kind.words if word.sort in wanted and countable(word.text)]


def _exists(word: Word, *, is_there: bool) -> Question:
    kind = _kinds().kind(word.means)
    assert kind is not None
    text = f"Is there {indefinite(word.text)} in the picture?"
    return Question("exists", text, Meant(frozenset({word.means}), kind.above), is_there=is_there)


@cache
def _kinds() -> Kinds:
    return Kinds()


def embedded(weights: Path) -> Answerer:
    """What the embedded profile answers."""
    return Words(EmbeddedSight(EmbeddedGrounding(Vision(DenseEncoder(Settings.load().cache), weights)))).answer


def measure(answerer: Answerer, asked: Iterable[Asked]) -> list[tuple[Asked, str | None, Judged]]:
    """Asks everything."""
    found = []
    image, name = np.zeros((1, 1, 3), np.uint8), ""
    for one in asked:
        if one.name != name:
            image, name = one.load(), one.name
        text = answerer(one.question.text, Picture(image, name, (one.region,) if one.region else ()))
        found.append((one, text, judge(text, one.question, one.known)))
    return found


def majority(asked: Sequence[Asked], learned_from: Sequence[Asked]) -> dict[str, float]:
    """How often the best constant answer of each sort is right, by group; it was best on the other questions."""

    def rights(questions: Sequence[Asked], form: str) -> float:
        texts = [form.format(it=one.word) for one in questions]
        judged = [judge(text, one.question, one.known) for text, one in zip(texts, questions, strict=True)]
        return float(np.mean([one.right for one in judged])) if judged else 0.0

    best = {}
    for group in dict.fromkeys(one.group for one in asked):
        mine, others = ([one for one in some if one.group == group] for some in (asked, learned_from))
        sort = mine[0].question.sort
        same = [one for one in learned_from if one.question.sort == sort] if sort == "exists" else others
        best[group] = rights(mine, max(_CONSTANT[sort], key=lambda form: rights(same, form)))
    return best


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voc", type=Path, help="photos with boxes, in the layout of Pascal VOC 2007")
    parser.add_argument("--photos", type=Path, help="photos of one thing each")
    parser.add_argument("--part", help="K/N: only every N-th photo of VOC from the K-th on")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of grounding, instead of the shipped ones")
    parser.add_argument("--limit", type=int, default=50, help="photos of each folder (default: %(default)s)")
    parser.add_argument("--answerer", help="package.module:make, instead of the embedded one")
    parser.add_argument("--wrong", type=int, default=0, help="print so many wrong answers of each kind of question")
    parser.add_argument("--json", action="store_true", help="print JSON, with the texts")
    options = parser.parse_args(arguments)
    asked, others = [], []
    if options.voc:
        rest, photos = held_out(read_voc(options.voc), options.part or "0/1")
        photos = _spread(photos, options.limit)
        asked += list(ask_voc(photos))
        others += list(ask_voc(rest or photos))
    if options.photos:
        every = read_photos(options.photos, _kinds(), lambda _: None)
        photos_of_one = _spread(every, options.limit)
        asked += list(ask_photos(photos_of_one))
        others += list(ask_photos([photo for photo in every if photo not in photos_of_one] or every))
    if not asked:
        parser.error("nothing to ask about: give --voc, --photos or both")
    answerer = resolve_name(options.answerer)() if options.answerer else embedded(options.weights)
    answers = measure(answerer, track(asked, "questions", console=Console(stderr=True)))
    _print(answers, majority(asked, others), options.wrong, as_json=options.json)


def _spread(photos: Sequence[Photo] | Sequence[ClassPhoto], limit: int) -> list:
    if len(photos) <= limit:
        return list(photos)
    return [photos[round(position)] for position in np.linspace(0, len(photos) - 1, limit)]


def _print(
    answers: Sequence[tuple[Asked, str | None, Judged]], by_majority: dict[str, float], wrong: int, *, as_json: bool
) -> None:
    groups: defaultdict[str, list[tuple[Asked, str | None, Judged]]] = defaultdict(list)
    for one in answers:
        groups[one[0].group].append(one)
    scores = {group: estimates([asdict(judged) for _, _, judged in rows]) for group, rows in groups.items()}
    if as_json:
        texts = [
            {"group": one.group, "photo": one.name, "question": one.question.text, "kind": one.word, "answer": text}
            | asdict(judged)
            for one, text, judged in answers
        ]
        numbers = {group: {name: asdict(value) for name, value in row.items()} for group, row in scores.items()}
        print(json.dumps({"scores": numbers, "majority": by_majority, "answers": texts}, indent=2))
        return
    _print_table(scores, by_majority)
    for group, rows in groups.items():
        for one, text, judged in [row for row in rows if row[2].wrong or row[2].contradicts][:wrong]:
            print(f"{group} | {one.name} ({one.word}) | {one.question.text} | {text} | {judged.wrong:.0f}")


def _print_table(scores: dict[str, dict[str, Estimate]], by_majority: dict[str, float]) -> None:
    columns = list(next(iter(scores.values())))
    table = Table("", "questions", *columns, "majority")
    for group, row in scores.items():
        cells = [f"{value.mean:.2f} ({value.low:.2f}-{value.high:.2f})" for value in row.values()]
        table.add_row(group, str(row["right"].count), *cells, f"{by_majority[group]:.2f}")
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
