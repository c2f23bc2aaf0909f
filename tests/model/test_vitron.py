"""The whole model on a tiny random llama: seeing, saving, loading, and the same numbers on the inference path."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import load_file

from tests import tiny
from tests.model.test_media import items
from vitron_agent.errors import WeightsError
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.media import MediaConfig, count_tokens
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.planners.base import Medium, PlanRequest
from vitron_agent.planners.prompt import encode_prompt

MEDIA = MediaConfig(backbone="tiny", channels=6, width=32, image_side=3, frame_side=2, num_frames=4)
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's


def model(base: str = "tiny", media: MediaConfig = MEDIA) -> VitronModel:
    torch.manual_seed(1)
    made = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base=base, media=media), rank=2, alpha=4)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "lora_B" in name or "trainable_tokens" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return made.eval()


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    """The folder of the base, and that of a model on it."""
    (base, _), folder = tiny.folders(tmp_path), tmp_path / "model"
    model(str(base)).save_pretrained(folder)
    return base, folder


def conversation() -> tuple[list[int], list]:
    """Two turns about a picture, a clip and a drawing, with their tokens between the words."""
    tokenizer, shown = tiny.tokenizer(), items()
    named = {"image-1": shown["image"], "video-1": shown["clip"], "region-1": shown["drawing"]}
    start, seen = 0, {}
    for handle, item in named.items():
        seen[handle] = [-1 - number for number in range(start, start + count_tokens(item))]
        start += count_tokens(item)
    request = PlanRequest(
        text="remove this",
        media=(Medium(handle="image-1", kind="image"), Medium(handle="video-1", kind="video")),
        attached=("image-1", "video-1"),
        current="image-1",
    )
    head = encode_prompt(request, tokenizer, seen)
    again = tokenizer.encode_mentions("now region-1 and image-1", {"region-1": seen["region-1"]})
    return head + again, list(named.values())


def asis(item):
    return item


def batch(ids: list[int]) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}


def test_without_media_it_is_the_language_model():
    made = model()
    ids = batch([5, 90, len(tiny.tokenizer()) - 1, 7])
    assert torch.equal(made(**ids).logits, made.llm(**ids).logits)


def test_media_stand_where_their_ids_are_and_nowhere_else():
    made = model()
    ids, media = conversation()
    embedded, rows = made.embed(torch.tensor([ids]), made.media(media))[0], made.media(media)
    words = made.llm.get_input_embeddings()(torch.tensor([max(token, 0) for token in ids]))
    for position, token in enumerate(ids):
        assert torch.equal(embedded[position], rows[-1 - token] if token < 0 else words[position])
    assert sorted(token for token in ids if token < 0) == sorted(-1 - row for row in range(len(rows)))


def test_rows_of_a_batch_reach_their_own_sequences():
    made = model()
    picture, other = items(0)["image"], items(1)["image"]
    count = count_tokens(picture)
    first = [5, *(-1 - row for row in range(count)), 7]
    second = [5, *(-1 - row - count for row in range(count)), 7]
    ids = torch.tensor([first, second])
    logits = made(ids, torch.ones_like(ids), [picture, other]).logits
    torch.testing.assert_close(logits[0], made(**batch(first), media=[picture]).logits[0], rtol=1e-5, atol=3e-5)
    torch.testing.assert_close(logits[1], made(**batch(first), media=[other]).logits[0], rtol=1e-5, atol=3e-5)
    assert not torch.allclose(logits[0, -1], logits[1, -1])


def test_the_loss_trains_what_sees_and_leaves_the_base_alone():
    made = model()
    made(**batch(conversation()[0]), media=conversation()[1], labels=torch.tensor([conversation()[0]]).clamp(min=0)
         ).loss.backward()  # fmt: skip
    with_gradients = {name for name, parameter in made.named_parameters() if parameter.grad is not None}
    assert {name for name, _ in made.named_parameters() if name.startswith("media.")} <= with_gradients
    assert all("lora" in name or "token_adapter" in name or name.startswith("media.") for name in with_gradients)


def test_what_is_saved_is_small_and_comes_back(saved: tuple[Path, Path]):
    base, folder = saved
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "vitron.safetensors",
        "adapter_config.json", "adapter_model.safetensors", "tokens.json",
    }  # fmt: skip
    again = VitronModel.from_pretrained(folder)
    assert again.vitron_config == model(str(base)).vitron_config
    state, stored = again.state_dict(), load_file(folder / "vitron.safetensors")
    assert all(torch.equal(state[name].half(), tensor) for name, tensor in stored.items())
    ids, media = conversation()
    expected = model()
    for parameter in expected.parameters():
        parameter.data = parameter.half().float() if parameter.requires_grad else parameter.data
    logits, wanted = (each(**batch(ids), media=media).logits for each in (again.eval(), expected))
    torch.testing.assert_close(logits, wanted)


def test_saved_twice_is_the_same(saved: tuple[Path, Path], tmp_path: Path):
    _, folder = saved
    VitronModel.from_pretrained(folder).save_pretrained(tmp_path / "again")
    for name in ("config.json", "vitron.safetensors", "adapter_model.safetensors", "README.md"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def seeing_model(folder: Path) -> VitronModel:
    """The saved model with a second LoRA that changes what it says."""
    made = VitronModel.from_pretrained(folder)
    made.add_seeing(folder, rank=2, alpha=4)
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "lora" in name:
                parameter.copy_((torch.randn_like(parameter) * 0.2).half())
    return made.eval()


def test_a_second_lora_is_saved_beside_the_planners_own_which_stays(saved: tuple[Path, Path], tmp_path: Path):
    _, folder = saved
    made = seeing_model(folder)
    made.save_pretrained(tmp_path / "seeing model")
    again = VitronModel.from_pretrained(tmp_path / "seeing model").eval()
    ids, media = conversation()
    torch.testing.assert_close(again(**batch(ids), media=media).logits, made(**batch(ids), media=media).logits)
    text = [token for token in ids if token >= 0]
    expected = VitronModel.from_pretrained(folder).eval()(**batch(text)).logits
    with again.as_planner():
        torch.testing.assert_close(again(**batch(text)).logits, expected, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(again(**batch(text)).logits, expected, atol=0.1)
    assert (folder / "adapter_model.safetensors").read_bytes() == (
        tmp_path / "seeing model" / "adapter_model.safetensors"
    ).read_bytes()


def test_the_inference_path_computes_what_the_model_computes(saved: tuple[Path, Path]):
    base, folder = saved
    ids, media = conversation()
    made = VitronModel.from_pretrained(folder).eval()
    expected = made(**batch(ids), media=media, output_hidden_states=True).hidden_states[-1][0]
    fast = LanguageModel.load(base, folder, device="cpu")
    seen = [number for index, item in enumerate(media) for number in fast.see(str(index), partial(asis, item))]
    told = [seen[-1 - token] if token < 0 else token for token in ids]
    hidden = fast.llama.read(told, fast.llama.new_cache(), fast.media)
    torch.testing.assert_close(hidden, expected, rtol=1e-3, atol=1e-3)


def test_the_inference_path_sees_with_the_second_lora_and_reads_without(saved: tuple[Path, Path], tmp_path: Path):
    base, folder = saved
    made = seeing_model(folder)
    made.save_pretrained(tmp_path / "both")
    ids, media = conversation()
    plain, fast = (LanguageModel.load(base, where, device="cpu") for where in (folder, tmp_path / "both"))
    told = []
    for model in (plain, fast):
        seen = [number for index, item in enumerate(media) for number in model.see(str(index), partial(asis, item))]
        told.append([seen[-1 - token] if token < 0 else token for token in ids])
    expected = made(**batch(ids), media=media, output_hidden_states=True).hidden_states[-1][0, -1:]
    looking = fast.open(told[1], seeing=True).look()
    torch.testing.assert_close(looking, expected, rtol=1e-3, atol=1e-3)
    assert torch.equal(fast.open(told[1]).look(), plain.open(told[0]).look())
    torch.testing.assert_close(fast.open(told[1], seeing=True).look(), looking)  # from a cache of its own


def test_signals_are_those_of_the_whole_model_and_leave_no_trace(saved: tuple[Path, Path]):
    base, folder = saved
    made = VitronModel.from_pretrained(folder).eval()
    prompt = [5, 90, 7]
    opening = tiny.tokenizer().ids["<|sig|>"]
    count = made.vitron_config.signals.num_tokens
    words = made.llm.get_input_embeddings()(torch.tensor([[*prompt, opening]]))
    embedded = torch.cat([words, made.signals.tokens[None]], dim=1)
    hidden = made.llm(inputs_embeds=embedded, output_hidden_states=True).hidden_states[-1][0, -count:]
    expected = made.signals(hidden)
    fast = LanguageModel.load(base, folder, device="cpu")
    writer = fast.open(prompt)
    plain = writer.look()
    signals = writer.signal()
    torch.testing.assert_close(signals.together(), expected.together(), rtol=1e-3, atol=1e-3)
    assert len(plain) == 1
    untouched = LanguageModel.load(base, folder, device="cpu")
    torch.testing.assert_close(fast.open([*prompt, 9]).look(), untouched.open([*prompt, 9]).look())


def test_a_picture_seen_again_is_not_read_again(saved: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    base, folder = saved
    fast = LanguageModel.load(base, folder, device="cpu")
    read, counts = fast.llama.read, []
    monkeypatch.setattr(
        fast.llama, "read", lambda tokens, *rest, **how: counts.append(len(tokens)) or read(tokens, *rest, **how)
    )
    picture, other = items()["image"], items(1)["image"]
    for key, item, words in (("a", picture, [7]), ("a", picture, [9, 8]), ("b", other, [9, 8])):
        fast.open([5, *fast.see(key, partial(asis, item)), *words]).look()
    assert counts == [11, 2, 11]


def test_it_writes_on_greedily_sampled_and_streamed(saved: tuple[Path, Path]):
    made = VitronModel.from_pretrained(saved[1]).eval()
    ids, media = conversation()
    greedy = made.generate(ids, media, max_new_tokens=6, do_sample=False)
    expected = list(ids)
    for token in [*greedy, tiny.tokenizer().im_end][:6]:
        assert token == int(made(**batch(expected), media=media).logits[0, -1].argmax())
        expected.append(token)
    assert greedy == made.generate(ids, media, max_new_tokens=6, do_sample=False)
    told: list[torch.Tensor] = []

    class Streamer:
        def put(self, tokens):
            told.append(tokens)

        def end(self):
            told.append(None)

    made.generate(ids, media, max_new_tokens=4, do_sample=True, streamer=Streamer())
    assert told[-1] is None


def test_the_card_names_what_it_is_made_on(saved: tuple[Path, Path]):
    card = (saved[1] / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert str(saved[0]) in card
    assert MEDIA.backbone in card


def test_it_is_pushed_as_it_is_saved(saved: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    pushed = set()

    def upload(self, folder_path, **_):
        pushed.update(path.name for path in Path(folder_path).iterdir())

    monkeypatch.setattr(HfApi, "create_repo", lambda self, repo_id, **_: type("Url", (), {"repo_id": repo_id}))
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    VitronModel.from_pretrained(saved[1]).push_to_hub("someone/vitron")
    assert pushed == {path.name for path in saved[1].iterdir()}


def test_what_does_not_belong_together_is_refused(saved: tuple[Path, Path], tmp_path: Path):
    base, folder = saved
    with pytest.raises(WeightsError, match="32 wide and the media tokens 64"):
        model(media=MEDIA.model_copy(update={"width": 64}))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "media": {**config["media"], "channels": 7}}))
    with pytest.raises(WeightsError, match="does not fit its configuration"):
        LanguageModel.load(base, folder)
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    with pytest.raises(WeightsError, match="not of a VITRON model"):
        LanguageModel.load(base, folder)
    (folder / "vitron.safetensors").unlink()
    assert LanguageModel.load(base, folder).encoder is None  # an older adapter, of text alone


@pytest.mark.parametrize("place", ["/nowhere/model", "nowhere/model/at/all", "nobody/vitron"])
def test_what_is_not_there_is_said_in_our_words(place: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="name a folder that save_pretrained wrote"):
        VitronModel.from_pretrained(place)
