"""Backbones on tiny random checkpoints of the real classes, saved and loaded through the real path."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    CLIPVisionModel,
    ConvNextConfig,
    ConvNextModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    HieraConfig,
    HieraModel,
    LlamaConfig,
    LlavaConfig,
    LlavaModel,
    PreTrainedModel,
    SiglipVisionConfig,
    SiglipVisionModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTModel,
)

from vitron_agent.config import Settings
from vitron_agent.errors import WeightsError
from vitron_agent.model.encoders.backbone import EMBEDDED, TransformersBackbone, load_backbone, pooled, seen
from vitron_agent.model.encoders.dense import DenseEncoder

SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
SQUARE = {"image_size": 32, "patch_size": 8}
TEXT = CLIPTextConfig(**SIZES, vocab_size=99, bos_token_id=0, eos_token_id=1, pad_token_id=1)
MODELS = {
    "clip": lambda: CLIPVisionModel(CLIPVisionConfig(**SIZES, **SQUARE)),
    "clip with its text half": lambda: CLIPModel(
        CLIPConfig(text_config=TEXT.to_dict(), vision_config={**SIZES, **SQUARE}, projection_dim=16)
    ),
    "siglip": lambda: SiglipVisionModel(SiglipVisionConfig(**SIZES, **SQUARE)),
    "dinov2": lambda: Dinov2Model(
        Dinov2Config(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=1, **SQUARE)
    ),
    "dinov2 with registers": lambda: Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, mlp_ratio=1, **SQUARE)
    ),
    "vit": lambda: ViTModel(ViTConfig(**SIZES, **SQUARE)),
    "vit that tells its size twice": lambda: ViTModel(ViTConfig(**SIZES, image_size=[32, 32], patch_size=[8, 8])),
    "swin": lambda: SwinModel(
        SwinConfig(image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2)
    ),
    "convnext": lambda: ConvNextModel(ConvNextConfig(hidden_sizes=[4, 4, 8, 16], depths=[1, 1, 1, 1], image_size=64)),
}


REFUSED = {
    "no vision half": lambda: LlavaModel(
        LlavaConfig(vision_config=CLIPVisionConfig(**SIZES, **SQUARE), text_config=LlamaConfig(**SIZES, vocab_size=99))
    ),
    "oblong pictures": lambda: ViTModel(ViTConfig(**SIZES, image_size=[32, 64], patch_size=8)),
    "an order of its own": lambda: HieraModel(
        HieraConfig(
            embed_dim=8, image_size=[64, 64], depths=[1] * 3, num_heads=[1] * 3, embed_dim_multiplier=2.0,
            num_query_pool=2,
        )
    ),
}  # fmt: skip


def saved(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    return folder


@pytest.fixture(params=MODELS)
def folder(request, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return saved(MODELS[request.param](), tmp_path)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_any_vision_model_gives_one_map_of_the_whole_picture(folder: Path, rng: np.random.Generator):
    backbone = load_backbone(str(folder), folder)
    assert backbone.name == str(folder)
    for shape in ((20, 70, 3), (70, 20, 4)):
        features = backbone.features(rng.integers(0, 256, shape, dtype=np.uint8))
        assert features.dtype == torch.float32
        assert len(features) == backbone.channels
        assert backbone.channels % 8 == 0  # all that is seen at a place, as in each of these models
        assert features.shape[1] == features.shape[2] > 1
        assert features.isfinite().all()


def test_places_keep_their_place(folder: Path):
    """Before the layers mix them, a change is seen in its places: rows from the top, columns from the left."""
    backbone = TransformersBackbone.from_pretrained(str(folder), layer=0)
    before = np.zeros((64, 64, 3), np.uint8)
    after = before.copy()
    after[:30, 34:] = 255
    changed = (backbone.features(after) != backbone.features(before)).any(dim=0)
    side = len(changed)
    assert changed[: side // 2 - 1, side // 2 + 1 :].all()
    assert not changed[side // 2 + 1 :].any()
    assert not changed[:, : side // 2 - 1].any()


def test_what_is_no_vision_model_is_refused(tmp_path: Path):
    with pytest.raises(WeightsError, match="name a folder or pull it"):
        load_backbone(str(tmp_path / "nothing"), tmp_path)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_gives_no_map_of_square_pictures_is_refused(kind: str, tmp_path: Path):
    with pytest.raises(WeightsError, match="such as openai/clip"):
        load_backbone(str(saved(REFUSED[kind](), tmp_path)), tmp_path)


def test_what_does_not_tell_how_its_pixels_are_is_refused(tmp_path: Path):
    saved(MODELS["vit"](), tmp_path)
    settings = tmp_path / "preprocessor_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "image_mean": None}))
    with pytest.raises(WeightsError, match="does not tell the mean"):
        load_backbone(str(tmp_path), tmp_path)


def test_the_embedded_backbone_sees_what_the_experts_have_seen(rng: np.random.Generator):
    cache = Settings.load().cache
    backbone = load_backbone(EMBEDDED, cache)
    picture = rng.integers(0, 256, (150, 230, 3), dtype=np.uint8)  # smaller ones are not made as large
    features = backbone.features(picture)
    assert len(features) == backbone.channels
    assert torch.equal(features, seen(DenseEncoder(cache).encode(picture, "picture")))


def test_pooling_gives_every_picture_the_same_grid(rng: np.random.Generator):
    features = torch.from_numpy(rng.normal(size=(5, 13, 26))).float()
    assert pooled(features, 7).shape == (5, 7, 7)
    torch.testing.assert_close(pooled(features, 1)[:, 0, 0], features.mean(dim=(1, 2)))
