import json
from pathlib import Path

import pytest
import torch

from tests import tiny
from vitron_agent.errors import WeightsError
from vitron_agent.model.llama import Llama, LlamaShape

TOKENS = [5, 9, 44, 7, 101, 3, 3, 250]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.folders(tmp_path_factory.mktemp("llama"))[0]


@pytest.fixture(scope="module")
def llama(base: Path) -> Llama:
    return Llama(LlamaShape.read(base / "config.json"), tiny.model().state_dict(), torch.device("cpu"))


def expected() -> torch.Tensor:
    with torch.no_grad():
        return tiny.model().model(torch.tensor([TOKENS])).last_hidden_state[0]


def test_hidden_states_are_those_of_transformers(llama: Llama):
    torch.testing.assert_close(llama.read(TOKENS, llama.new_cache()), expected(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cuts", [[1] * 8, [3, 1, 4], [7, 1], [2, 6]])
def test_reading_in_pieces_is_reading_at_once(llama: Llama, cuts: list[int]):
    cache, start, parts = llama.new_cache(), 0, []
    for count in cuts:
        parts.append(llama.read(TOKENS[start : start + count], cache))
        start += count
    torch.testing.assert_close(torch.cat(parts), expected(), rtol=1e-4, atol=1e-5)


def test_a_cache_grows_and_is_cut_back(llama: Llama):
    cache = llama.new_cache()
    llama.read(TOKENS[:4] + [8] * 600, cache)
    assert cache.length == 604
    copied = cache.copy(4)
    cache.length = 4
    for one in (cache, copied):
        torch.testing.assert_close(llama.read(TOKENS[4:], one), expected()[4:], rtol=1e-4, atol=1e-5)


def test_the_best_token_is_the_best_of_those_allowed(llama: Llama):
    hidden = llama.read(TOKENS, llama.new_cache())[-1]
    order = (llama.embeddings @ hidden).argsort(descending=True)
    assert llama.best(hidden, torch.arange(len(llama.embeddings))) == order[0]
    assert llama.best(hidden, order[3:]) == order[3]
    shares = [llama.probability(hidden, int(token)) for token in order]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert llama.best(hidden, order[5:9].flip(0)) == order[5]


def test_more_tokens_than_positions_are_refused(llama: Llama):
    with pytest.raises(ValueError, match="4097 tokens do not fit in 4096"):
        llama.read([1] * 4097, llama.new_cache())


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "qwen2"},
        {"attention_bias": True},
        {"tie_word_embeddings": False},
        {"rope_parameters": {"rope_type": "yarn"}},
    ],
)
def test_another_architecture_is_refused(base: Path, tmp_path: Path, change: dict[str, object]):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads((base / "config.json").read_text()) | change))
    with pytest.raises(WeightsError, match="not a plain llama"):
        LlamaShape.read(path)
