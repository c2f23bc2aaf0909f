import dataclasses

import pytest
import torch

from vitron_agent.errors import WeightsError
from vitron_agent.tools.backends.embedded.learned import WEIGHTS, load_learned, make_query, save_learned
from vitron_agent.tools.phrases.nouns import load_nouns

NOUNS = load_nouns()


def test_the_shipped_weights_are_small_and_know_twenty_kinds():
    assert WEIGHTS.stat().st_size <= 2_000_000
    queries = load_learned(WEIGHTS, NOUNS).queries
    assert len(queries) == 20
    for query in queries:
        meaning = NOUNS.find(query.name)
        assert meaning is not None
        assert query.things == {thing.wordnet_id for thing in meaning.things}


def test_weights_survive_the_file(tmp_path):
    learned = load_learned(WEIGHTS, NOUNS)
    save_learned(learned, tmp_path / "below" / "again.safetensors", {"seed": "1"})
    again = load_learned(tmp_path / "below" / "again.safetensors", NOUNS)
    assert torch.equal(again.projections.head.matrix, learned.projections.head.matrix)
    for one, other in zip(again.queries, learned.queries, strict=True):
        assert (one.name, one.classes, one.bias, one.gain) == (other.name, other.classes, other.bias, other.gain)
        assert torch.equal(one.weight, other.weight)
    for one, other in zip(again.localiser.parameters(), learned.localiser.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_missing_and_damaged_weights_say_what_to_do(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="reinstall vitron-agent"):
        load_learned(path, NOUNS)


def test_a_query_knows_its_classes_and_what_it_is_a_kind_of():
    meaning = NOUNS.find("dog")
    assert meaning is not None
    query = make_query("dog", [thing.wordnet_id for thing in meaning.things], torch.zeros(1280), 0.5, 2.0, NOUNS)
    animal = NOUNS.find("animal")
    assert animal is not None
    assert query.classes == tuple(range(151, 269))
    assert animal.things[0].wordnet_id in query.above
    logits = torch.zeros(1000, 2, 2)
    logits[160, 0, 1] = 3
    likeness = query.likeness(torch.zeros(1280, 2, 2), logits)
    assert likeness.tolist() == [[0.5, 6.5], [0.5, 0.5]]
    nameless = dataclasses.replace(query, classes=())
    assert nameless.likeness(torch.zeros(1280, 2, 2), logits).tolist() == [[0.5, 0.5], [0.5, 0.5]]
