from pathlib import Path

import pytest
import torch

from tests import tiny
from vitron_agent.errors import WeightsError
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.signals import SignalHeads

SYSTEM = [1, 2, 3, 4]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tiny.folders(tmp_path_factory.mktemp("llm"))


@pytest.fixture
def model(folders: tuple[Path, Path]) -> LanguageModel:
    return LanguageModel.load(*folders, device="cpu")


def fresh(model: LanguageModel, tokens: list[int]) -> torch.Tensor:
    return model.llama.read(tokens, model.llama.new_cache())


def test_what_was_read_before_changes_nothing(model: LanguageModel):
    prompts = [
        [*SYSTEM, 10, 11, 12],
        [*SYSTEM, 10, 11, 12, 13, 14],
        [*SYSTEM, 20],
        [*SYSTEM, 20],
        [*SYSTEM, 10, 11, 12, 13, 15],
        [9, 8, 7],
        *([*SYSTEM, other] for other in range(30, 40)),
        [*SYSTEM, 10, 11, 12, 13, 14, 16],
        [1],
    ]
    for prompt in prompts:
        torch.testing.assert_close(model.open(prompt).look()[-1], fresh(model, prompt)[-1], rtol=1e-3, atol=1e-4)


def test_a_conversation_goes_on_from_its_own_cache(model: LanguageModel, monkeypatch: pytest.MonkeyPatch):
    lengths: list[int] = []
    read = model.llama.read
    monkeypatch.setattr(
        model.llama, "read", lambda tokens, *rest, **how: lengths.append(len(tokens)) or read(tokens, *rest, **how)
    )
    first, second = [*SYSTEM, 10, 11], [*SYSTEM, 20, 21, 22]
    for prompt in (first, second, [*first, 12, 13], [*second, 23], [*first, 12, 14]):
        model.open(prompt).look()
    assert lengths == [6, 3, 2, 1, 1]


def test_writing_on_is_reading_the_whole(model: LanguageModel):
    writer = model.open([*SYSTEM, 10])
    writer.look()
    writer.append([11, 12])
    drafted = writer.look([13, 14, 15])
    torch.testing.assert_close(drafted, fresh(model, [*SYSTEM, 10, 11, 12, 13, 14, 15])[-4:], rtol=1e-3, atol=1e-4)
    writer.accept([13])
    writer.append([16])
    whole = [*SYSTEM, 10, 11, 12, 13, 16]
    torch.testing.assert_close(writer.look()[-1], fresh(model, whole)[-1], rtol=1e-3, atol=1e-4)
    assert writer.passes == 3
    torch.testing.assert_close(
        model.open([*whole, 17]).look()[-1], fresh(model, [*whole, 17])[-1], rtol=1e-3, atol=1e-4
    )


def test_signals_cost_no_pass_of_their_own(model: LanguageModel):
    model.heads = SignalHeads(tiny.SIGNALS, 32)
    tokens, written = [*SYSTEM, 10, 11], [13, 14]
    writer = model.open(tokens)
    signals = writer.signal()
    assert signals.shared.shape == (2, 6)
    assert signals.private.shape == (3, 6)
    torch.testing.assert_close(writer.look(), fresh(model, tokens)[-1:], rtol=1e-3, atol=1e-4)
    assert writer.passes == 1
    torch.testing.assert_close(writer.signal().together(), signals.together(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(writer.look(written), fresh(model, [*tokens, *written])[-3:], rtol=1e-3, atol=1e-4)
    writer.accept(written)
    torch.testing.assert_close(writer.look(), fresh(model, [*tokens, *written])[-1:], rtol=1e-3, atol=1e-4)
    assert writer.passes == 3
    again = model.open([*tokens, *written])
    torch.testing.assert_close(writer.signal().together(), again.signal().together(), rtol=1e-3, atol=1e-4)


def test_parts_that_do_not_belong_together_are_refused(folders: tuple[Path, Path], tmp_path: Path):
    base, adapter = folders
    with pytest.raises(WeightsError, match="no planner adapter"):
        LanguageModel.load(base, tmp_path)
    copied = tmp_path / "base"
    copied.mkdir()
    with pytest.raises(WeightsError, match="damaged"):
        LanguageModel.load(copied, adapter)
    for path in base.iterdir():
        (copied / path.name).write_bytes(path.read_bytes()[: 3000 if path.suffix == ".safetensors" else None])
    with pytest.raises(WeightsError, match="damaged"):
        LanguageModel.load(copied, adapter)
