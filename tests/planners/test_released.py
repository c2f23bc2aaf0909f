"""The released layout as a planner: a stand-in that learned to write three replies, loaded as the real one would be."""

from pathlib import Path

import pytest
from hypothesis import given

from tests import released, scenes
from tests.strategies import plans
from vitron_agent.config import Settings
from vitron_agent.errors import WeightsError
from vitron_agent.messages import Input, Module, Operation, Plan, Region, make_invocation
from vitron_agent.model.pickles import convert
from vitron_agent.model.pieces import load_tokenizer
from vitron_agent.model.released import ReleasedModel
from vitron_agent.planners.base import Medium, PastTurn, Planner, PlanRequest, Rejection
from vitron_agent.planners.released import SYSTEM, ReleasedPlanner, exchanges, released_form
from vitron_agent.wire import read_plan, write_plan

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
IMAGE, VIDEO = (Medium(handle="image-1", kind="image"),), (Medium(handle="video-1", kind="video"),)
ZEBRA = PlanRequest(text="outline the zebra", media=IMAGE, attached=("image-1",), current="image-1")
BEAR = PlanRequest(text="make it a bear in the snow", media=VIDEO, current="video-1", next_numbers=(("video", 2),))
HELLO = PlanRequest(text="hello")
DRAWN = PlanRequest(
    text="outline this",
    media=(*IMAGE, Medium(handle="image-2", kind="image")),
    current="image-2",
    regions=(Region.box(0.1, 0.2, 0.4, 0.6, source="image-1"),),
)
OUTLINE = "Sure, I'll outline it. <module>B</module> <instruction>segmentation: zebra</instruction>"
LESSONS = [
    (ZEBRA, OUTLINE),
    (DRAWN, OUTLINE),
    (BEAR, "<module>F</module> <instruction>a white bear</instruction> <instruction>snow</instruction>"),
    (HELLO, "Hello! What shall I do?"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("released")
    base = released.publish_base(released.llama(), root / "base")
    model = released.adapted(released.llama())
    encode = ReleasedModel(model, load_tokenizer(base / "tokenizer.model")).encode
    released.teach(model, encode, [(exchanges(request, "A chat."), said) for request, said in LESSONS])
    lora = released.publish_lora(model, root / "lora")
    convert(base)
    convert(lora)
    return {"base": base, "lora": lora}


@pytest.fixture(scope="module")
def planner(folders: dict[str, Path]) -> ReleasedPlanner:
    return ReleasedPlanner(Settings.load(device="cpu"), **folders, system="A chat.")


def test_it_is_a_planner_and_cheap_to_make():
    assert isinstance(ReleasedPlanner(base="nowhere", lora=None), Planner)


def test_letters_and_a_preface_become_a_completed_plan(planner: ReleasedPlanner):
    pieces: list[str] = []
    plan = planner.plan(ZEBRA, pieces.append)
    (step,) = plan.invocations
    assert (step.module, step.operation, step.target) == (Module.IMAGE_SEGMENTATION, Operation.SEGMENT, "zebra")
    assert (step.inputs, step.output) == ((Input(handle="image-1"),), "mask-1")
    assert "Sure, I'll outline it." in plan.notes[0]
    assert "".join(pieces) == OUTLINE
    assert len(pieces) > 3


def test_both_prompts_of_the_video_editor_are_read(planner: ReleasedPlanner):
    first, second = planner.plan(BEAR).invocations
    assert (first.operation, first.value, first.output) == (Operation.REPLACE, "a white bear", "video-2")
    assert (second.operation, second.value) == (Operation.BACKGROUND, "snow")


def test_words_are_an_answer(planner: ReleasedPlanner):
    assert planner.plan(HELLO) == Plan(text="Hello! What shall I do?")


def test_a_drawing_goes_to_the_module_that_is_called(planner: ReleasedPlanner):
    (step,) = planner.plan(DRAWN).invocations
    assert step.regions == (DRAWN.regions[0].model_copy(update={"name": "region-1"}),)
    assert step.inputs == (Input(handle="image-1"),)  # which is not the current one


def test_sampling_is_the_same_for_the_same_seed(folders: dict[str, Path]):
    planner = ReleasedPlanner(Settings.load(device="cpu", seed=3), **folders, system="A chat.", temperature=0.3)
    assert planner.plan(HELLO) == planner.plan(HELLO)


def test_an_agent_runs_what_it_plans(planner: ReleasedPlanner, make_agent: scenes.MakeAgent):
    reply = make_agent(planner=planner).chat("outline the zebra", images=[scenes.picture()])
    assert reply.status == "done"
    assert [step.operation for step in reply.invocations] == [Operation.SEGMENT]
    assert reply.mask is not None


def test_a_conversation_has_vicunas_form():
    again = ZEBRA.model_copy(
        update={
            "history": (
                PastTurn(text="first", plan=Plan(text="forgotten")),
                PastTurn(text="hello", plan=Plan(text="Hello!")),
                PastTurn(text="the cat\nin red", plan=scenes.steps(scenes.recolor("cat", base="image-1"))),
            ),
            "rejections": (Rejection(plan=write_plan(scenes.steps(scenes.segment("zebr"))), error="not found"),),
        }
    )
    assert exchanges(again) == [
        f"{SYSTEM} USER: hello ASSISTANT: Hello!",
        "USER: the cat in red ASSISTANT: <module>C</module> <instruction>recolor: cat => red</instruction>",
        "USER: new image-1 now image-1\noutline the zebra ASSISTANT: "
        "<module>B</module> <instruction>segmentation: zebr</instruction>",
        "USER: That cannot run: not found ASSISTANT:",
    ]


@given(plans())
def test_what_is_shown_of_past_plans_reads_as_the_same_plan(plan: Plan):
    bare = tuple(step.model_copy(update={"inputs": (), "regions": (), "output": None}) for step in plan.invocations)
    if bare:
        assert read_plan(released_form(plan)).invocations == bare


def test_prompts_stand_where_the_released_model_puts_them():
    step = make_invocation(Module.IMAGE_GENERATION, Operation.GENERATE, value="a red fox", output="image-1")
    assert released_form(scenes.steps(step)) == "<module>A</module> <instruction>generation: a red fox</instruction>"


def test_no_weights_no_plan(tmp_path: Path):
    with pytest.raises(WeightsError, match="hf download"):
        ReleasedPlanner(base=tmp_path / "base", lora=tmp_path / "lora").plan(HELLO)
    off = Settings.load(allow_weight_loading=False)
    with pytest.raises(WeightsError, match="VITRON_ALLOW_WEIGHT_LOADING"):
        ReleasedPlanner(off, base=tmp_path, lora=None).plan(HELLO)
