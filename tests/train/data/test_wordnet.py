from pathlib import Path

import pytest

from vitron_agent.tools.phrases.nouns import Nouns, Relation
from vitron_agent.train.data.wordnet import WordNet, build

# offset, lexicographer file, words, offsets above
SYNSETS = [
    ("00000001", "03", "entity", ""),
    ("00007846", "18", "person individual", "00000001"),
    ("00000010", "05", "animal beast", "00000001"),
    ("00000011", "05", "dog", "00000010"),
    ("00000012", "05", "poodle", "00000011"),
    ("00000013", "05", "pug", "00000011"),
    ("00000014", "05", "antelope", "00000010"),
    ("00000015", "05", "gnu", "00000014"),
    ("00000016", "05", "addax", "00000014"),
    ("00000017", "18", "keeper", "00007846"),
    ("00000018", "05", "toy_poodle", "00000012"),
    ("00000019", "05", "unicorn", "00000001"),
]


@pytest.fixture
def nouns(tmp_path: Path) -> Nouns:
    lines, senses = ["  1 the licence"], {}
    for offset, file, words, above in SYNSETS:
        names = words.split()
        pointers = [f"@ {parent} n 0000" for parent in above.split()]
        listed = " ".join(f"{name} 0" for name in names)
        lines.append(f"{offset} {file} n {len(names):02x} {listed} {len(pointers):03} {' '.join(pointers)} | gloss  ")
        for name in names:
            senses.setdefault(name, []).append(offset)
    index = ["  1 the licence"]
    index += [f"{name} n {len(found)} 1 @ {len(found)} 0 {' '.join(found)}  " for name, found in senses.items()]
    (tmp_path / "data.noun").write_text("\n".join(lines) + "\n")
    (tmp_path / "index.noun").write_text("\n".join(index) + "\n")
    return Nouns(build(WordNet(tmp_path, ["n00000012", "n00000013", "n00000015"])))


@pytest.mark.parametrize(
    ("word", "relation", "classes"),
    [
        ("poodle", Relation.IS, (0,)),
        ("dog", Relation.IS, (0, 1)),
        ("animal", Relation.IS, (0, 1, 2)),
        ("beast", Relation.IS, (0, 1, 2)),
        ("toy poodle", Relation.KIND, (0,)),
        ("addax", Relation.NEAR, (2,)),
        ("person", Relation.IS, ()),
        ("keeper", Relation.KIND, ()),
    ],
)
def test_words_are_related_to_classes(nouns, word, relation, classes):
    meaning = nouns.find(word)
    assert meaning is not None
    assert (meaning.relation, meaning.classes) == (relation, classes)


def test_a_sister_names_the_class_itself(nouns):
    assert nouns.find("addax").note == "addax: searched as gnu"


def test_what_has_nothing_near_is_known_but_not_looked_for(nouns):
    assert nouns.find("unicorn").relation is Relation.BESIDE
    assert nouns.find("entity").relation is Relation.BESIDE
