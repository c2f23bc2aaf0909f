"""Articles and plurals of nouns as WordNet gives them."""

import re

from vitron_agent.train.data.things import is_plural

_MASS = frozenset(
    {"bread", "hay", "dough", "wool", "velvet", "guacamole", "consomme", "carbonara", "espresso", "ice cream"}
    | {"chocolate sauce", "red wine", "eggnog", "corn", "broccoli", "chain mail", "hair spray", "toilet tissue"}
    | {"perfume", "lotion", "sunscreen", "face powder", "coral fungus", "mashed potato", "meat loaf", "zucchini"}
)
_SAME = ("fish", "sheep", "aircraft", "bison", "salmon", "coho")
_IRREGULAR = {"wolf": "wolves", "knife": "knives", "loaf": "loaves", "shelf": "shelves", "mouse": "mice", "man": "men"}
_WHOLE = {"ox": "oxen", "goose": "geese", "person": "people", "Doberman": "Dobermans", "nudibranch": "nudibranchs"}
"""Words that are not said like others of their ending (fox, mongoose, harvestman, finch)."""
_SOUNDS_OPEN = re.compile(r"(?!uni|use|usu|eu|one|u-)[aeiou]|hour|honest|r\.?v", re.IGNORECASE)
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def indefinite(noun: str) -> str:
    """With "a", "an" or "some"."""
    if noun in _MASS or is_plural(noun):
        return f"some {noun}"
    return f"{'an' if _SOUNDS_OPEN.match(noun) else 'a'} {noun}"


def countable(noun: str) -> bool:
    """Whether there can be two of it."""
    return noun not in _MASS and not is_plural(noun)


def plural(noun: str) -> str:
    """Of a countable noun: dogs, pieces of furniture."""
    head, of, rest = noun.partition(" of ")
    *before, last = head.split(" ")
    if last in _WHOLE:
        ending = _WHOLE[last]
    elif last.endswith(_SAME):
        ending = last
    elif any(last.endswith(one) for one in _IRREGULAR):
        one = next(one for one in _IRREGULAR if last.endswith(one))
        ending = last.removesuffix(one) + _IRREGULAR[one]
    elif re.search(r"(?:s|x|z|ch|sh)$", last):
        ending = f"{last}es"
    elif re.search(r"[^aeiou]y$", last):
        ending = f"{last[:-1]}ies"
    else:
        ending = f"{last}s"
    return " ".join([*before, ending]) + of + rest
