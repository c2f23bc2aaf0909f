import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plans
from vitron_agent.errors import UnknownTargetError, WireSyntaxError
from vitron_agent.messages import Input, Module, Operation, Plan, Region, Role, make_invocation
from vitron_agent.wire import complete, read_plan, write_plan, write_region

DRAWN = (
    Region.scribble([(0.1, 0.1), (0.3, 0.4)], source="image-1"),
    Region.points([(0.5, 0.5)], labels=[True]),
)


@given(plans(DRAWN))
def test_random_plans_round_trip(plan: Plan) -> None:
    assert read_plan(write_plan(plan), DRAWN) == plan


@given(plans(DRAWN), st.data())
def test_drawings_without_a_name_are_written_by_one_of_their_own(plan: Plan, data: st.DataObject) -> None:
    more = st.lists(st.sampled_from(DRAWN), max_size=3)
    steps = tuple(step.model_copy(update={"regions": (*step.regions, *data.draw(more))}) for step in plan.invocations)
    named = {region.name for step in steps for region in step.regions if region.name}
    num_nameless = sum(region.kind != "box" and not region.name for step in steps for region in step.regions)
    text = write_plan(plan.model_copy(update={"invocations": steps}))
    again = read_plan(text, [DRAWN[0]] * (len(named) + num_nameless + len(DRAWN)))
    written = [region for step in again.invocations for region in step.regions]
    assert len(written) == sum(len(step.regions) for step in steps)
    assert len({region.name for region in written if region.name} - named) == num_nameless


@given(st.text(max_size=200) | st.text(st.sampled_from("<>/modulestrcin: =\\"), max_size=80))
def test_reader_gives_a_plan_or_a_syntax_error_whatever_it_reads(text: str) -> None:
    with contextlib.suppress(WireSyntaxError, UnknownTargetError):
        read_plan(text)


@given(st.text(max_size=40))
def test_an_answer_that_looks_like_tags_stays_an_answer(text: str) -> None:
    answer = Plan(text=f"{text}<Module>B</Module>".strip())
    assert read_plan(write_plan(answer)) == answer


def test_the_example_of_the_design_is_read_and_written() -> None:
    text = (
        "<Module>Image Segmentation</Module><Instruction>segment: clock</Instruction><Region>region-1</Region>"
        "<Input>image-1</Input><Output>mask-1</Output><Module>Image Editing</Module><Instruction>recolor: clock => red"
        "</Instruction><Input>base=image-1, mask=mask-1</Input><Output>image-2</Output>"
    )
    plan = read_plan(text, DRAWN)
    assert [(step.operation, step.target, step.value) for step in plan.invocations] == [
        ("segment", "clock", ""),
        ("recolor", "clock", "red"),
    ]
    assert plan.invocations[0].regions[0].coordinates == DRAWN[0].coordinates
    assert plan.invocations[1].input(Role.MASK) == "mask-1"
    assert plan.dependencies() == (frozenset(), frozenset({0}))
    assert write_plan(plan) == text
    assert read_plan(text.replace("</Output>", "</Output><|sig|>"), DRAWN) == plan


@pytest.mark.parametrize("region", ["(0.23, 0.35, 0.11, 0.26)", "(23, 35, 11, 26)"])
def test_the_papers_example_is_read_and_its_invalid_box_is_reported(region: str) -> None:
    text = (
        "Sure! You provide a video where there is a female cop talking on the walkie-talkie. Following I will outline "
        "the clock in the video. <Module> Video Segmentation </Module> <Instruction> segmentation: clock "
        f"</Instruction> <Region> {region} </Region>"
    )
    plan = read_plan(text)
    (step,) = plan.invocations
    assert (step.module, step.operation, step.target) == (Module.VIDEO_SEGMENTATION, Operation.TRACK, "clock")
    assert step.regions == ()
    assert len(plan.notes) == 2
    assert "dropped" in plan.notes[1]
    assert region in plan.notes[1]


def test_the_released_codes_example_is_read() -> None:
    plan = read_plan(
        "Sure, I'll focus on the zebra that is the farthest from us. <module>B</module> "
        "<instruction>segmentation: zebra farthest from you</instruction>"
    )
    (step,) = plan.invocations
    assert (step.module, step.operation, step.target) == (
        Module.IMAGE_SEGMENTATION,
        Operation.SEGMENT,
        "zebra farthest from you",
    )


@pytest.mark.parametrize(
    ("letter", "instruction", "module", "target", "value"),
    [
        ("A", "generation: a red fox", Module.IMAGE_GENERATION, "", "a red fox"),
        ("D", "generation: waves", Module.VIDEO_GENERATION, "", "waves"),
        ("E", "tracking: clock", Module.VIDEO_SEGMENTATION, "clock", ""),
        ("G", "generation: the boat drifts", Module.IMAGE_TO_VIDEO, "", "the boat drifts"),
        ("C", "replace: dog => cat", Module.IMAGE_EDITING, "dog", "cat"),
    ],
)
def test_letters_and_foreign_operation_names(
    letter: str, instruction: str, module: Module, target: str, value: str
) -> None:
    (step,) = read_plan(f"<module>{letter}</module><instruction>{instruction}</instruction>").invocations
    assert (step.module, step.target, step.value) == (module, target, value)


def test_two_instructions_of_the_released_video_editor_become_two_steps() -> None:
    text = "<module>F</module><instruction>a white bear</instruction><instruction>a snowy field</instruction>"
    first, second = read_plan(text).invocations
    assert (first.operation, first.value) == (Operation.REPLACE, "a white bear")
    assert (second.operation, second.value) == (Operation.BACKGROUND, "a snowy field")


@pytest.mark.parametrize(
    "text",
    [
        "<Module>Image Editing</Module>",
        "<Module>Image Editing</Module><Instruction>fold: dog</Instruction>",
        "<Module>Teleport</Module><Instruction>segment: dog</Instruction>",
        "<Module>Image Editing<Instruction>remove: dog</Instruction>",
        "<Module>Image Editing</Module><Instruction>remove: dog</Instruction><Input>the cat</Input>",
        "<Module>Image Editing</Module><Instruction>remove: dog</Instruction><Input>wand=image-1</Input>",
        "<Module>Image Editing</Module><Instruction>remove: dog</Instruction><Input>image-1, image-2</Input>",
        "<Module>Image Editing</Module><Instruction>remove: dog</Instruction><Region>left half</Region>",
        "<Module>Image Editing</Module><Instruction>remove: dog</Instruction><Output>x</Output>",
        "<Module>Image Editing</Module><Instruction>remove: dog</Instruction><Region></Region><Region></Region>",
        "<Module>Image Editing</Module></Input>",
    ],
)
def test_what_cannot_be_read_is_a_syntax_error(text: str) -> None:
    with pytest.raises(WireSyntaxError):
        read_plan(text)


def test_a_drawing_that_does_not_exist_is_an_error_of_its_own() -> None:
    with pytest.raises(UnknownTargetError, match="region-3"):
        read_plan("<Module>Image Editing</Module><Instruction>remove</Instruction><Region>region-3</Region>", DRAWN)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_tiny_box_never_becomes_an_invalid_one(a: float, b: float, c: float, d: float) -> None:
    if a == b or c == d:
        return
    region = Region.box(min(a, b), min(c, d), max(a, b), max(c, d))
    text = f"<Module>Image Editing</Module><Instruction>remove</Instruction><Region>{write_region(region)}</Region>"
    plan = read_plan(text)
    assert plan.notes == ()
    assert all(abs(x - y) <= 0.001 for x, y in zip(plan.invocations[0].regions[0].bounds, region.bounds, strict=True))


class TestComplete:
    def test_bases_and_outputs_are_filled_in_and_chain(self) -> None:
        plan = Plan(
            invocations=(
                make_invocation(Module.IMAGE_EDITING, Operation.REMOVE, target="dog"),
                make_invocation(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target="everything"),
                make_invocation(Module.IMAGE_TO_VIDEO, Operation.ANIMATE),
                make_invocation(Module.VIDEO_EDITING, Operation.STYLE, value="sepia"),
            )
        )
        done = complete(plan, [("image-1", "image"), ("mask-1", "mask")], next_numbers={"image": 5})
        assert [step.output for step in done.invocations] == ["image-5", "partition-1", "video-1", "video-2"]
        assert [step.input(Role.BASE) for step in done.invocations] == ["image-1", "image-5", "image-5", "video-1"]

    def test_the_current_picture_comes_before_newer_ones(self) -> None:
        plan = Plan(invocations=(make_invocation(Module.IMAGE_EDITING, Operation.REMOVE, target="dog"),))
        media = [("image-1", "image"), ("image-2", "image"), ("video-1", "video")]
        assert complete(plan, media, "image-1").invocations[0].input(Role.BASE) == "image-1"
        assert complete(plan, media, "video-1").invocations[0].input(Role.BASE) == "image-2"
        assert complete(plan, []).invocations[0].inputs == ()

    def test_a_wrong_output_number_is_mended_with_all_that_follows_it(self) -> None:
        plan = Plan(
            invocations=(
                make_invocation(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target="dog", output="mask-1"),
                make_invocation(
                    Module.IMAGE_EDITING,
                    Operation.RECOLOR,
                    target="dog",
                    value="red",
                    inputs=(Input(handle="image-1"), Input(role=Role.MASK, handle="mask-1")),
                    output="image-1",
                ),
            )
        )
        done = complete(plan, [("image-1", "image"), ("mask-1", "mask")], next_numbers={"image": 2, "mask": 2})
        assert done.invocations[0].output == "mask-2"
        assert done.invocations[1].input(Role.MASK) == "mask-2"
        assert done.invocations[1].input(Role.BASE) == "image-1"
        assert done.invocations[1].output == "image-2"
