"""Which words and photos may be learned from: a fixed rule over WordNet ids and file names.

A tenth of all synsets is held out of *every* stage, so that what a model does with a word that it never met can be
measured: no photo of theirs is learned from and no sample of another part says their names. :func:`mentions_held_out`
is for stages with texts of their own, which must drop what it is true of.

Never held out: the families that phrases speak of (``families.txt``), the kinds that the shipped grounding has
learned queries of (:data:`VOC_KINDS`), and words that mean something else more often.
"""

import hashlib
import re
from enum import StrEnum
from functools import cache

from vitron_agent.tools.phrases.nouns import Relation, load_nouns, singulars
from vitron_agent.train.data.text import sections

VOC_KINDS = {
    "aeroplane": ("n02691156",),
    "bicycle": ("n02834778",),
    "bird": ("n01503061",),
    "boat": ("n02858304", "n04128499", "n02951358", "n04612504", "n03447447", "n02981792", "n04483307"),
    "bottle": ("n02876657",),
    "bus": ("n02924116",),
    "car": ("n02958343",),
    "cat": ("n02121620",),
    "chair": ("n03001627",),
    "cow": ("n02402425",),
    "diningtable": ("n03201208",),
    "dog": ("n02084071",),
    "horse": ("n02374451",),
    "motorbike": ("n03790512", "n03785016", "n03791053"),
    "person": ("n00007846",),
    "pottedplant": ("n03991062",),
    "sheep": ("n02411705",),
    "sofa": ("n04256520",),
    "train": ("n04468005", "n03684823", "n03895866", "n03393912"),
    "tvmonitor": ("n04404412", "n03782006", "n04152593"),
}
"""The classes of Pascal VOC with the synsets that they are; things of these and below have a learned query. A table of
results names them apart from the rest."""
_OTHER_MEANINGS = frozenset({"n07747607", "n03337140", "n04038440", "n00027807"})
"""Orange is a colour, file and stand are verbs, all has a shape: without these words no ordinary text would be left."""
_SYNSETS, _PHOTOS = 10, 20
"""One synset in so many is held out; one photo of the others in so many is for validation, and one for the test."""
_LONGEST = 4
"""Words of a name at most."""


class Part(StrEnum):
    """What a photo, and whatever is made from it, is for."""

    TRAIN = "train"
    VAL = "val"
    TEST_SEEN = "test_seen"
    """Photos that were not learned from, of kinds whose words may have been. A folder with one photo of each class
    has no other photo of these classes in ``train``, only of their families."""
    TEST_NEW = "test_new"
    """Photos of held-out synsets."""


def held_out(wordnet_id: str) -> bool:
    """Whether no stage may learn what a synset (``n02084071``) is called, or looks like."""
    return _number(wordnet_id) % _SYNSETS == 0 and wordnet_id not in _never_held_out()


def part_of(wordnet_id: str, photo: str) -> Part:
    """The part of a photo.

    Args:
        wordnet_id: Of what it shows; empty where that has no name.
        photo: The file's name.
    """
    if wordnet_id and held_out(wordnet_id):
        return Part.TEST_NEW
    return {0: Part.VAL, 1: Part.TEST_SEEN}.get(_number(photo) % _PHOTOS, Part.TRAIN)


def mentions_held_out(text: str) -> bool:
    """Whether a text says a word of the shipped table that means held-out things alone, in singular or plural."""
    words = re.findall(r"[a-z'-]+", text.lower())
    spans = (words[start : start + length] for start in range(len(words)) for length in range(1, _LONGEST + 1))
    return any(form in _held_out_words() for span in spans for form in singulars(" ".join(span)))


@cache
def _held_out_words() -> frozenset[str]:
    nouns = load_nouns()
    meanings = ((word, nouns.find(word)) for word in nouns.findable)
    return frozenset(
        word
        for word, meaning in meanings
        if meaning is not None
        and meaning.relation is Relation.IS
        and all(held_out(thing.wordnet_id) for thing in meaning.things)
    )


@cache
def _never_held_out() -> frozenset[str]:
    families = (line.split()[0] for line in sections("photos")["families"])
    return _OTHER_MEANINGS.union(families, *VOC_KINDS.values())


def _number(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16)
