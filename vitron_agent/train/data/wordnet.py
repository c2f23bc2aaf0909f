"""Builds the shipped table of nouns from WordNet 3.0: which ImageNet classes does a word mean?

    python -m vitron_agent.train.data.wordnet --wordnet /usr/share/wordnet --classes imagenet_classes.tsv

``--wordnet`` is the folder of ``data.noun`` (Debian: package ``wordnet-base``); ``--classes`` holds the 1,000 classes
in the order of the classifier's outputs, one ``<WordNet id><tab><name>`` a line. The output has two parts: *things*
(the classes and everything above them) and *words*, each with the thing that it means and how (:class:`Relation`).
"""

import argparse
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vitron_agent.tools.phrases.nouns import TABLE, Relation


def _listed(names: str) -> frozenset[str]:
    return frozenset(name.strip() for name in names.split(","))


_VISIBLE = frozenset({"03", "05", "06", "08", "13", "17", "18", "20", "27"})
"""WordNet's lexicographer files of things that can be seen: tops, animals, artifacts, bodies, food, objects, ..."""
_ABSTRACT = _listed(
    """
    entity, physical entity, abstraction, object, whole, artifact, instrumentality, living thing, organism,
    matter, substance, unit, causal agent, thing, device, implement, equipment, instrument, creation, commodity,
    covering, way, part, piece, product, natural object, solid, chordate, placental, foodstuff, framework,
    support, material, surface, area, structure, container, conveyance, case, board, consumer goods, durables,
    mechanism, system, strip, fabric, body part, plant organ
    """
)
"""Things too general to look for, or to be told of."""
_FAMILIES = _listed(
    """
    bird, fish, shark, dog, cat, big cat, bear, monkey, ape, lemur, horse, cattle, sheep, goat, hog, wolf, fox,
    rabbit, squirrel, elephant, whale, seal, camel, snake, lizard, turtle, frog, salamander, spider, butterfly,
    beetle, insect, crab, lobster, snail, flower, mushroom, fungus, fruit, bread, sandwich, sauce, wine, car,
    truck, van, bus, train, locomotive, bicycle, motorcycle, airplane, aircraft, ship, boat, sailboat, chair,
    table, sofa, bed, lamp, clock, watch, telephone, camera, computer, bottle, jar, pot, pan, glass, cup, bowl,
    bag, box, basket, hat, cap, helmet, shoe, skirt, coat, sweater, swimsuit, necktie, scarf, knife, gun, ball,
    guitar, piano, drum, keyboard, fence, bridge, roof, tower, house, church, building, mountain, shop, curtain,
    towel, rug, oven, heater, fan, pen, musical instrument, boot
    """
)
"""Things that people see as one kind: whatever WordNet puts below them may be looked for as them."""
_ANIMAL = "05"
"""Lexicographer file of animals: there, unlike among tools or dishes, sisters look alike."""
_PERSON = "00007846"
"""Offset of *person*, which has a learned query instead of classes."""
_MAX_WORDS = 5
_MAX_SISTERS = 6
"""A word stands for its sisters only where they are no more; a larger family says too little."""
_MAX_FAMILY = 20
"""Only families this small are worth telling of."""
_FOR_CLASS, _FOR_PERSON = 10.0, 5.0
_FOR_RELATION = {Relation.IS: 8.0, Relation.KIND: 7.0, Relation.NEAR: 4.0, Relation.BESIDE: 1.0}
_PER_RANK = 0.6
"""How much a rarer sense counts less than the one before it."""


@dataclass(frozen=True)
class Synset:
    """One meaning: its words, its more general meanings (offsets) and its lexicographer file."""

    offset: str
    words: tuple[str, ...]
    above: tuple[str, ...]
    file: str
    named: bool
    """Whether it is an individual (Isle of Man), not a kind."""


class WordNet:
    """The nouns of WordNet and the classes below each."""

    def __init__(self, folder: Path, classes: Iterable[str]) -> None:
        """Reads WordNet.

        Args:
            folder: Holds ``data.noun`` and ``index.noun``.
            classes: WordNet ids (``n02084071``) in the order of the classifier's outputs.
        """
        self.synsets = {synset.offset: synset for synset in _read_synsets(folder / "data.noun")}
        self.senses = dict(_read_senses(folder / "index.noun"))
        self.class_of = {name[1:]: number for number, name in enumerate(classes)}
        self.known = frozenset[str]().union(*map(self.closure, self.class_of), self.closure(_PERSON))

    @cache  # noqa: B019 - lives as long as the script
    def closure(self, offset: str) -> frozenset[str]:
        """A meaning and all that it is a kind of."""
        return frozenset({offset}).union(*map(self.closure, self.synsets[offset].above))

    @cache  # noqa: B019
    def classes_below(self, offset: str) -> frozenset[int]:
        """The classes that are of that kind."""
        return frozenset(number for name, number in self.class_of.items() if offset in self.closure(name))

    @cache  # noqa: B019
    def sisters(self, parent: str) -> int:
        """How many classes are directly of that kind; 0 if others are so less directly."""
        direct = sum(parent in self.synsets[name].above for name in self.class_of)
        return direct if direct == len(self.classes_below(parent)) else 0

    def name(self, offset: str) -> str:
        """The meaning's first word."""
        return self.synsets[offset].words[0]

    def relate(self, offset: str, rank: int) -> tuple[Relation, str]:
        """How a meaning can be looked for, and as which thing; as no thing (empty) if none is near."""
        synset = self.synsets[offset]
        if _PERSON in self.closure(offset) and offset not in self.class_of:
            relation = Relation.IS if offset == _PERSON else Relation.KIND
            return (relation, _PERSON) if rank == 0 else (Relation.BESIDE, "")
        if offset in self.known and self.name(offset) not in _ABSTRACT:
            return (Relation.IS, offset)
        steps = list(self._upwards(offset))
        for above, _ in steps:
            if above in self.class_of or (above in self.known and self.name(above) in _FAMILIES):
                return (Relation.KIND, above)
        parent = steps[0][0] if steps else offset
        if synset.file == _ANIMAL and rank <= 1 and 0 < self.sisters(parent) <= _MAX_SISTERS:
            return (Relation.NEAR, parent)
        near = (above for above, _ in steps if self.classes_below(above))
        family = next(near, offset)
        useful = 0 < len(self.classes_below(family)) <= _MAX_FAMILY and self.name(family) != "abstraction"
        return (Relation.BESIDE, family if useful else "")

    def resolve(self, word: str) -> tuple[Relation, tuple[str, ...]] | None:
        """The best meaning of a word that is something to look for; several if they are all classes (crane)."""
        best: tuple[float, Relation, str] | None = None
        visible = [
            (rank, offset)
            for rank, offset in enumerate(self.senses[word])
            if (self.synsets[offset].file in _VISIBLE or offset in self.class_of) and not self.synsets[offset].named
        ]
        for rank, offset in visible:
            relation, thing = self.relate(offset, rank)
            worth = _FOR_PERSON if (relation, thing) == (Relation.KIND, _PERSON) else _FOR_RELATION[relation]
            worth = (_FOR_CLASS if offset in self.class_of else worth) - _PER_RANK * rank
            if best is None or worth > best[0]:
                best = (worth, relation, thing)
        if best is None:
            return None
        twins = [offset for _, offset in visible if offset in self.class_of]
        return best[1], tuple(twins) if best[2] in twins else (best[2],) if best[2] else ()

    def _upwards(self, offset: str) -> Iterator[tuple[str, int]]:
        """What a meaning is a kind of, nearest first, with the number of steps."""
        level, distance = [offset], 0
        seen: set[str] = set()
        while level:
            distance += 1
            level = [above for below in level for above in self.synsets[below].above if above not in seen]
            seen.update(level)
            yield from ((above, distance) for above in level)


def _read_synsets(path: Path) -> Iterator[Synset]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words = tuple(word.replace("_", " ") for word in fields[4 : 4 + 2 * count : 2])
        pointers = fields[4 + 2 * count + 1 :]
        symbols = list(zip(pointers[::4], pointers[1::4], strict=False))
        above = tuple(target for symbol, target in symbols if symbol in ("@", "@i"))
        yield Synset(fields[0], words, above, fields[1], any(symbol == "@i" for symbol, _ in symbols))


def _read_senses(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        yield fields[0].replace("_", " "), tuple(fields[-int(fields[2]) :])


def build(wordnet: WordNet) -> str:
    """The table's text: lines of things, an empty line, lines of words.

    A thing is ``<WordNet id>|<name>|<class or nothing>|<numbers of the things above, by comma>``; it comes after what
    is above it. A word is ``<word>|<relation><numbers of the things, by comma>``.
    """
    order = sorted(wordnet.known, key=lambda offset: (len(wordnet.closure(offset)), offset))
    number = {offset: position for position, offset in enumerate(order)}
    things = [
        f"n{offset}|{wordnet.name(offset)}|{wordnet.class_of.get(offset, '')}|"
        + ",".join(str(number[above]) for above in wordnet.synsets[offset].above)
        for offset in order
    ]
    words = [
        f"{word}|{found[0].value}{','.join(str(number[thing]) for thing in found[1])}"
        for word in sorted(wordnet.senses)
        if len(word.split()) <= _MAX_WORDS and not any(letter.isdigit() for letter in word)
        if (found := wordnet.resolve(word)) is not None
    ]
    return "\n".join([*things, "", *words]) + "\n"


def main() -> None:
    """Writes the table into the package."""
    parser = argparse.ArgumentParser(description="Build the shipped table of nouns from WordNet 3.0.")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--classes", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=TABLE)
    arguments = parser.parse_args()
    classes = [line.split("\t")[0] for line in arguments.classes.read_text(encoding="utf-8").splitlines()]
    text = build(WordNet(arguments.wordnet, classes))
    arguments.output.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
