"""A WordNet of the shipped things alone, small photos of some of them, and a cutter that knows where they are."""

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.photos.cutouts import Cutouts, from_photos
from vitron_agent.train.data.photos.folder import Photo, read_photos
from vitron_agent.train.data.photos.kinds import Kinds
from vitron_agent.train.data.photos.split import held_out

SHOWN = ("beagle", "redbone", "tabby", "toucan", "goldfish", "wine bottle", "pop bottle", "folding chair", "castle")
GLOSSES = {
    "beagle": "a small short-legged smooth-coated breed of hound",
    "pop bottle": 'a bottle for holding soft drinks; "he broke a pop bottle"',
    "toucan": "brilliantly colored bird of tropical America having a very large thin-walled beak",
}
WIDTH, HEIGHT = 160, 120


def write_wordnet(folder: Path) -> None:
    data, senses = ["  1 the licence"], defaultdict(list)
    for thing in load_nouns().things:
        offset, name = thing.wordnet_id[1:], thing.name.replace(" ", "_")
        above = sorted(thing.above - {thing.wordnet_id})
        pointers = "".join(f"@ {parent[1:]} n 0000 " for parent in above)
        stuff = "x" + "".join(chr(ord("a") + int(digit)) for digit in offset)
        gloss = GLOSSES.get(thing.name, f"a sturdy thing made of {stuff}")
        data.append(f"{offset} 05 n 01 {name} 0 {len(above):03} {pointers}| {gloss}  ")
        senses[name.lower()].append(offset)
    lines = [f"{name} n {len(found)} 1 @ {len(found)} 0 {' '.join(found)}  " for name, found in senses.items()]
    (folder / "data.noun").write_text("\n".join(data) + "\n")
    (folder / "index.noun").write_text("\n".join(["  1 the licence", *lines]) + "\n")


def ellipse(number: int) -> np.ndarray:
    """Where the thing of a photo is, (HEIGHT, WIDTH) bool; it depends on the photo."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (60 + 5 * (number % 8), 60), (24 + number % 17, 44 - number % 19), 0, 0, 360, 1, -1)
    return mask > 0


class Oracle:
    """Implements Cutter; reads a photo's number from its first pixel."""

    def __init__(self) -> None:
        self.asked = 0

    def cut(self, image: np.ndarray, wordnet_id: str):
        self.asked += 1
        return ellipse(int(image[0, 0, 0])), ((0.2, 0.2, 0.8, 0.8),)

    def recognises(self, image: np.ndarray, wordnet_id: str) -> bool:
        return True


@pytest.fixture(scope="session")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wordnet")
    write_wordnet(folder)
    return folder


@pytest.fixture(scope="session")
def kinds(wordnet: Path) -> Kinds:
    return Kinds(wordnet)


@pytest.fixture(scope="session")
def new_words() -> list[str]:
    """Names of some things that are held out."""
    return [thing.name for thing in load_nouns().classes if held_out(thing.wordnet_id)][10:16]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, new_words: list[str]) -> Path:
    """Photos <wordnet id>_<name>.jpg, as PNG so that their first pixel survives; 24 of each kind."""
    folder = tmp_path_factory.mktemp("photos")
    ids = {thing.name: thing.wordnet_id for thing in load_nouns().classes}
    random = np.random.default_rng(0)
    for number, name in enumerate((*SHOWN, *new_words)):
        for copy in range(24):
            pixels = random.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            thing = ellipse((number * 24 + copy) % 256)
            pixels = np.where(thing[..., None], 150 + pixels // 3, pixels // 16).astype(np.uint8)
            pixels[0, 0] = (number * 24 + copy) % 256
            Image.fromarray(pixels).save(folder / f"{ids[name]}_{name.replace(' ', '_')}_{copy}.png")
    return folder


@pytest.fixture(scope="session")
def photos(folder: Path, kinds: Kinds) -> list[Photo]:
    return read_photos(folder, kinds, pytest.fail)


@pytest.fixture(scope="session")
def cutouts(tmp_path_factory: pytest.TempPathFactory, photos: list[Photo]) -> Cutouts:
    cutouts = Cutouts(tmp_path_factory.mktemp("cutouts"))
    assert any([one.flaw is None for one in from_photos(photos, Oracle(), cutouts)])  # noqa: C419 - all of them
    return cutouts
