import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from skimage import data

from tests.scenes import detect, segment, steps
from vitron_agent import profiles
from vitron_agent.agent import VitronAgent
from vitron_agent.config import Settings
from vitron_agent.errors import ConfigError
from vitron_agent.messages import Module, Plan
from vitron_agent.model.encoders.dense import SIZES
from vitron_agent.model.encoders.efficientnet import EfficientNetLite
from vitron_agent.planners.scripted import ScriptedPlanner
from vitron_agent.tools.fakes import FakeExpert, FakeGrounding, paint

EMBEDDED = {Module.IMAGE_GROUNDING, Module.IMAGE_SEGMENTATION, Module.IMAGE_EDITING}


@pytest.fixture
def installed(monkeypatch):
    """Makes it look as if a package with an entry point was installed."""

    def install(name, make, value="some_package:make"):
        package = ModuleType("some_package")
        package.make = make
        monkeypatch.setitem(sys.modules, "some_package", package)
        entries = [EntryPoint(name, value, profiles.GROUP)]
        monkeypatch.setattr(profiles, "entry_points", lambda group: entries)

    return install


def test_the_embedded_profile_has_experts_for_pictures_and_loads_nothing():
    profile = profiles.load_profile(Settings.load(allow_weight_loading=False))
    assert set(profile.experts) == EMBEDDED
    assert {expert.backend.name for expert in profile.experts.values()} == {"embedded"}
    assert profile.planner().name == "vitron"


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(ConfigError, match="no profile 'huge'; installed are: embedded"):
        profiles.load_profile(Settings.load(profile="huge"))


def test_a_package_adds_a_profile_that_falls_back_to_the_embedded_one(installed):
    mine = FakeExpert(Module.IMAGE_GENERATION, paint)
    looker = FakeGrounding()
    installed("mine", lambda settings: [mine, looker])
    profile = profiles.load_profile(Settings.load(profile="mine"))
    assert set(profile.experts) == EMBEDDED | {Module.IMAGE_GENERATION}
    assert profile.experts[Module.IMAGE_GENERATION] is mine
    assert profile.experts[Module.IMAGE_GROUNDING] is looker
    assert profile.experts[Module.IMAGE_EDITING].backend.name == "embedded"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda settings: ["hammer"], "'hammer' is no expert"),
        (lambda settings: [FakeExpert(Module.CONVERSATION, paint)], "no module of experts"),
        (lambda settings: [FakeGrounding(), FakeGrounding()], "two experts are for image_grounding"),
    ],
)
def test_what_is_no_expert_is_refused(installed, make, words):
    installed("mine", make)
    with pytest.raises(ConfigError, match=words):
        profiles.load_profile(Settings.load(profile="mine"))


def test_a_package_that_cannot_be_loaded_is_named(installed):
    installed("mine", None, value="no_such_package:make")
    with pytest.raises(ConfigError, match=r"profile 'mine' cannot be loaded from no_such_package:make"):
        profiles.load_profile(Settings.load(profile="mine"))


@pytest.mark.weights
def test_the_embedded_profile_encodes_a_photo_once_over_all_turns(tmp_path, monkeypatch):
    passes = []
    levels = EfficientNetLite.levels
    monkeypatch.setattr(EfficientNetLite, "levels", lambda network, pixels: passes.append(0) or levels(network, pixels))
    blind = Plan(text="The planner sees nothing.")
    plans = [steps(detect("cat")), steps(segment("cat", base="image-1")), blind, steps(detect("cup"))]
    turns = [("find it", "cat"), ("cut it out", None), ("what is it?", "cat"), ("find it", "coffee")]
    place = {"database": f"sqlite:///{tmp_path}/vitron.db", "artifacts": tmp_path / "artifacts"}
    with VitronAgent(profile="embedded", planner=ScriptedPlanner(plans), **place) as agent:
        seen = []
        for text, photo in turns:
            reply = agent.chat(text, images=photo and getattr(data, photo)(), thread="demo")
            assert reply.text != blind.text
            seen.append((reply.status, len(passes) / len(SIZES)))
    assert seen == [("done", 1), ("done", 1), ("done", 1), ("done", 2)]
