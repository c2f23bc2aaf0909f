import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from vitron_agent.config import Settings
from vitron_agent.errors import TurnCancelled, WeightsError
from vitron_agent.messages import Plan
from vitron_agent.model.weights import SMOLLM2
from vitron_agent.planners.base import Medium, PastTurn, Planner, PlanRequest, SignalledPlan
from vitron_agent.planners.vitron import VitronPlanner


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tiny.folders(tmp_path_factory.mktemp("planner"), seed=1)


@pytest.fixture
def planner(folders: tuple[Path, Path]) -> VitronPlanner:
    return VitronPlanner(Settings.load(device="cpu"), base=folders[0], adapter=folders[1])


def request(text: str, **more: object) -> PlanRequest:
    return PlanRequest(text=text, media=(Medium(handle="image-1", kind="image"),), current="image-1", **more)


def test_it_is_a_planner_and_cheap_to_make():
    assert isinstance(VitronPlanner(adapter=Path("nowhere")), Planner)


def test_it_plans_the_same_whatever_it_planned_before(planner: VitronPlanner, folders: tuple[Path, Path]):
    requests = [request("make the cat red"), request("hello"), request("remove the image")]
    plans = [planner.plan(each) for each in requests]
    assert [planner.plan(each) for each in reversed(requests)] == plans[::-1]
    again = VitronPlanner(Settings.load(device="cpu"), base=folders[0], adapter=folders[1])
    follow_up = request("the cat", history=(PastTurn(text="hello", plan=Plan(text="Hello!")),))
    assert again.plan(follow_up) == planner.plan(follow_up)


def test_the_answer_is_told_as_it_is_written(planner: VitronPlanner):
    pieces: list[str] = []
    plan = planner.plan(request("hello"), pieces.append)
    assert len(pieces) > 3
    assert plan.text.startswith("".join(pieces[:3]).strip())


def test_a_plan_broken_off_leaves_nothing_behind(planner: VitronPlanner):
    expected = planner.plan(request("make the cat red"))

    def stop(text: str) -> None:
        raise TurnCancelled(text)

    with pytest.raises(TurnCancelled):
        planner.plan(request("make the image red"), stop)
    assert planner.plan(request("make the cat red")) == expected


def test_many_threads_share_one(planner: VitronPlanner):
    texts = [f"make the cat {number}" for number in range(6)]
    expected = {text: planner.plan(request(text)) for text in texts}
    found: dict[str, Plan] = {}
    fresh = VitronPlanner(Settings.load(device="cpu"), base=planner._base, adapter=planner._adapter)
    threads = [
        threading.Thread(target=lambda text=text: found.__setitem__(text, fresh.plan(request(text)))) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


@pytest.fixture
def signalling(tmp_path: Path) -> VitronPlanner:
    """Its adapter has signal heads."""
    base, adapter = tiny.folders(tmp_path, seed=1)
    tiny.give_heads(adapter)
    return VitronPlanner(Settings.load(device="cpu"), base=base, adapter=adapter)


def red(target: str) -> str:
    instruction = f"<Instruction>recolor: {target} => red</Instruction>"
    return f"<Module>Image Editing</Module>{instruction}<Input>image-1</Input><Output>image-2</Output>"


def numbers(planned: SignalledPlan) -> list[np.ndarray]:
    return [np.concatenate([signal.shared, signal.private]) for signal in planned.signals if signal]


def test_signals_come_with_the_same_plan(planner: VitronPlanner, signalling: VitronPlanner):
    """Whether an adapter has heads changes no word, and with none there are no signals."""
    dictated = f"{red('cat')}<Module>Conversation</Module><Instruction>undo</Instruction>"
    for each in (planner, signalling):
        tiny.dictate(each.load().model, *[dictated] * 3)
    asked = request("make the cat red", next_numbers=(("image", 2),))
    words, bare, told = planner.plan(asked), planner.plan_with_signals(asked), signalling.plan_with_signals(asked)
    assert words == bare.plan == told.plan == signalling.plan(asked)
    assert bare.signals == (None, None)
    assert told.signals[1] is None
    assert [(signal.shared.shape, signal.private.shape) for signal in told.signals if signal] == [((2, 6), (3, 6))]
    assert {array.dtype for array in numbers(told)} == {np.dtype(np.float16)}


def test_an_answer_has_no_signals(signalling: VitronPlanner):
    planned = signalling.plan_with_signals(request("hello"))
    assert planned.plan.text
    assert planned.signals == ()


def test_signals_are_those_of_the_plan_that_is_kept(signalling: VitronPlanner):
    """A target that nobody named is written anew."""
    tiny.dictate(signalling.load().model, red("boat"), red("cat"), red("cat"))
    asked = request("make the cat red")
    rewritten, plain = signalling.plan_with_signals(asked), signalling.plan_with_signals(asked)
    assert rewritten.plan == plain.plan
    np.testing.assert_allclose(numbers(rewritten), numbers(plain), rtol=1e-2, atol=1e-2)


def test_words_alone_cost_no_signals(signalling: VitronPlanner):
    model = signalling.load().model
    tiny.dictate(model, red("cat"), red("cat"))

    def fail(_: torch.Tensor) -> None:
        raise AssertionError("nobody asked for signals")

    model.heads.register_forward_pre_hook(lambda heads, _: fail(heads))
    assert signalling.plan(request("make the cat red")).invocations
    with pytest.raises(AssertionError, match="nobody asked"):
        signalling.plan_with_signals(request("make the cat red"))


def test_missing_weights_name_the_way_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match="vitron pull embedded --from"):
        VitronPlanner(Settings.load(cache=tmp_path)).plan(request("hello"))
    with pytest.raises(WeightsError, match="VITRON_ALLOW_WEIGHT_LOADING"):
        VitronPlanner(Settings.load(cache=tmp_path, allow_weight_loading=False)).plan(request("hello"))


def test_the_base_is_found_in_the_cache(folders: tuple[Path, Path], tmp_path: Path):
    (tmp_path / SMOLLM2.name).symlink_to(folders[0])
    cached = VitronPlanner(Settings.load(cache=tmp_path, device="cpu"), adapter=folders[1])
    assert isinstance(cached.plan(request("hello")), Plan)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("please remove the lamp", [("remove", "lamp", "")]),
        (
            "make the red car blue and then blur the background",
            [("recolor", "red car", "blue"), ("background", "", "blur")],
        ),
        ("where is the dog?", [("detect", "dog", "")]),
        ("hello, how are you?", []),
    ],
)
def test_the_shipped_planner_understands_plain_wishes(text: str, expected: list[tuple[str, str, str]]):
    plan = VitronPlanner().plan(request(text, next_numbers=(("image", 2),)))
    assert [(step.operation.value, step.target, step.value) for step in plan.invocations] == expected
    assert all(step.output for step in plan.invocations)
    assert bool(plan.text) is not bool(expected)
