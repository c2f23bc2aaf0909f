from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import Region, detect, move, recolor, remove, segment, steps
from vitron_agent.graphs.planning import with_ids
from vitron_agent.graphs.schedule import next_wave, settle_inputs, without_finished
from vitron_agent.messages import Input, InvocationResult, Module, Operation, Plan, Role

CHAIN = with_ids(
    steps(
        segment(base="image-1", output="mask-1"),
        recolor(base="image-1", mask="mask-1", output="image-2"),
        detect(base="image-1", output="boxes-1"),
    ),
    turn=1,
    attempt=1,
)


def ended(plan: Plan, **statuses: str) -> dict[str, InvocationResult]:
    return {
        plan.invocations[int(name[1:])].id: InvocationResult(invocation=plan.invocations[int(name[1:])], status=status)
        for name, status in statuses.items()
    }


def ready(plan, results):
    return [position for position, _ in next_wave(plan, results).ready]


def skipped(plan, results):
    return {position: why for position, _, why in next_wave(plan, results).skipped}


def test_independent_steps_run_together_and_others_wait_for_their_inputs():
    assert ready(CHAIN, {}) == [0, 2]
    assert ready(CHAIN, ended(CHAIN, s0="done")) == [1, 2]
    assert ready(CHAIN, ended(CHAIN, s0="done", s1="done", s2="failed")) == []


def test_what_needs_a_missing_step_is_skipped_with_the_reason_and_the_rest_runs():
    results = ended(CHAIN, s0="not_found")
    assert skipped(CHAIN, results) == {1: "it needs step 1, which was not found"}
    assert ready(CHAIN, results) == [2]


def test_an_edit_that_follows_on_one_without_its_target_works_on_the_picture_before():
    plan = with_ids(
        steps(
            remove(base="image-1", output="image-2"),
            segment(base="image-2", output="mask-1"),
            recolor(base="image-2", mask="mask-1", output="image-3"),
            recolor(base="image-3", output="image-4"),
        ),
        1,
        1,
    )
    results = ended(plan, s0="not_found", s1="not_found")
    assert skipped(plan, results) == {2: "it needs step 2, which was not found"}
    assert ready(plan, results) == [3]
    results |= ended(plan, s2="skipped")
    assert settle_inputs(plan.invocations[3], results, start=None, current=None).input(Role.BASE) == "image-1"
    results |= ended(plan, s1="failed")
    assert skipped(plan, results) == {3: "it needs step 3, which was skipped"}


def test_skipping_goes_down_the_whole_chain_at_once():
    plan = with_ids(
        steps(
            remove(base="image-1", output="image-2"),
            recolor(base="image-2", output="image-3"),
            recolor(base="image-3", output="image-4"),
        ),
        1,
        1,
    )
    assert skipped(plan, ended(plan, s0="failed")) == {
        1: "it needs step 1, which was not finished",
        2: "it needs step 2, which was skipped",
    }


def test_an_unchanged_base_is_good_enough():
    plan = with_ids(steps(remove(base="image-1", output="image-2"), recolor(base="image-2", output="image-3")), 1, 1)
    assert ready(plan, ended(plan, s0="unchanged")) == [1]


def test_moves_in_the_conversation_keep_their_place():
    plan = with_ids(
        steps(
            detect(base="image-1", output="boxes-1"), move(Operation.UNDO), recolor(base="image-1", output="image-9")
        ),
        1,
        1,
    )
    assert ready(plan, {}) == [0]
    assert ready(plan, ended(plan, s0="failed")) == [1]
    assert ready(plan, ended(plan, s0="failed", s1="done")) == [2]
    assert skipped(plan, ended(plan, s0="done", s1="failed")) == {2: "it needs step 2, which was not finished"}


def test_a_move_runs_although_a_later_step_was_skipped_before():
    plan = with_ids(
        steps(
            remove(base="image-1", output="image-2"),
            move(Operation.SELECT, base="image-1"),
            recolor(base="image-2", output="image-3"),
        ),
        1,
        1,
    )
    assert ready(plan, ended(plan, s0="failed", s2="skipped")) == [1]


@st.composite
def random_plans(draw):
    invocations = []
    for number in range(draw(st.integers(1, 7))):
        if draw(st.integers(0, 4)) == 0:
            invocations.append(move(Operation.UNDO))
            continue
        base = f"image-{draw(st.integers(1, number + 1))}"
        invocations.append(recolor(base=base, output=f"image-{number + 2}"))
    return with_ids(steps(*invocations), 1, 1)


@given(random_plans(), st.data())
def test_every_plan_comes_to_an_end_and_no_step_runs_before_its_inputs(plan, data):
    results: dict[str, InvocationResult] = {}
    made = {"image-1"}
    for _ in range(2 * len(plan.invocations)):
        wave = next_wave(plan, results)
        for _, step, why in wave.skipped:
            assert why
            results[step.id] = InvocationResult(invocation=step, status="skipped")
        for position, step in wave.ready:
            assert step.id not in results
            planned = {other.output for other in plan.invocations[:position]}
            settled = settle_inputs(step, results, start=None, current=None)
            assert all(item.handle in made or item.handle not in planned for item in settled.inputs)
            if step.module is Module.CONVERSATION:
                assert all(other.id in results for other in plan.invocations[:position])
                assert len(wave.ready) == 1
        for _, step in wave.ready:
            status = data.draw(st.sampled_from(["done", "failed", "not_found"]))
            results[step.id] = InvocationResult(invocation=step, status=status)
            if status == "done" and step.output:
                made.add(step.output)
    assert results.keys() == {step.id for step in plan.invocations}


def test_whoever_reads_an_unchanged_edit_reads_its_base():
    plan = with_ids(
        steps(
            remove(base="image-1", output="image-2"),
            remove(base="image-2", output="image-3"),
            recolor(base="image-3", output="image-4"),
        ),
        1,
        1,
    )
    results = ended(plan, s0="unchanged", s1="unchanged")
    last = settle_inputs(plan.invocations[2], results, start="image-1", current="image-1")
    assert last.input(Role.BASE) == "image-1"
    assert last.output == "image-4"


def test_what_was_drawn_on_an_unchanged_edit_is_drawn_on_its_base():
    drawn = Region.box(0, 0, 1, 1, source="image-2")
    plan = with_ids(
        steps(remove(base="image-1", output="image-2"), remove(target="", base="image-2", regions=(drawn,))), 1, 1
    )
    last = settle_inputs(plan.invocations[1], ended(plan, s0="unchanged"), start="image-1", current="image-1")
    assert last.regions == (drawn.model_copy(update={"source": "image-1"}),)


def test_after_a_move_a_step_on_the_old_current_works_on_the_new_one():
    step = recolor(base="image-2", mask="mask-1")
    settled = settle_inputs(step, {}, start="image-2", current="image-1")
    assert settled.input(Role.BASE) == "image-1"
    assert settled.input(Role.MASK) == "mask-1"
    assert settle_inputs(step, {}, start="image-7", current="image-1") == step


def test_a_new_plan_leaves_out_what_is_finished_and_reads_it_instead():
    before = ended(CHAIN, s0="done", s1="failed")
    again = steps(
        segment(base="image-1", output="mask-5"),
        recolor(base="image-1", mask="mask-5", output="image-5"),
    )
    left = without_finished(again, before)
    assert [step.operation for step in left.invocations] == [Operation.RECOLOR]
    assert left.invocations[0].input(Role.MASK) == "mask-1"


def test_a_new_plan_reads_the_base_of_what_changed_nothing():
    plan = steps(
        remove(base="image-1", output="image-2"),
        remove(target="cup", base="image-2", output="image-3"),
        recolor(
            target="",
            base="image-3",
            regions=(Region.box(0, 0, 0.5, 0.5, source="image-3"), Region.box(0, 0, 1, 1, source="image-1")),
            output="image-4",
        ),
    )
    for statuses in ({"s0": "unchanged", "s1": "unchanged"}, {"s0": "unchanged", "s1": "done"}):
        first = with_ids(plan, 1, 1)
        results = {}
        for name, status in statuses.items():
            step = settle_inputs(first.invocations[int(name[1:])], results, start="image-1", current="image-1")
            results[step.id] = InvocationResult(invocation=step, status=status)
        (left,) = without_finished(plan, results).invocations
        there = "image-1" if statuses["s1"] == "unchanged" else "image-3"
        assert left.input(Role.BASE) == there
        assert [region.source for region in left.regions] == [there, "image-1"]


def test_a_new_plan_leaves_out_what_was_not_found_and_what_needs_it():
    before = ended(CHAIN, s0="not_found", s1="skipped", s2="failed")
    again = steps(
        segment(base="image-1", output="mask-5"),
        recolor(base="image-1", mask="mask-5", output="image-5"),
        remove(base="image-5", output="image-6"),
        detect(base="image-1", output="boxes-5"),
    )
    assert without_finished(again, before) == steps(remove(base="image-1", output="image-6"), again.invocations[3])


@given(random_plans(), st.data())
def test_a_new_plan_reads_only_what_is_there_or_will_be(plan, data):
    """However the first plan ended."""
    results: dict[str, InvocationResult] = {}
    while (wave := next_wave(plan, results)).ready:
        for _, step, _ in wave.skipped:
            results[step.id] = InvocationResult(invocation=step, status="skipped")
        for _, planned in wave.ready:
            step = settle_inputs(planned, results, start="image-1", current="image-1")
            status = data.draw(st.sampled_from(["done", "unchanged", "failed", "not_found"]))
            results[step.id] = InvocationResult(invocation=step, status=status)
    new = {step.output: f"{step.output}0" for step in plan.invocations if step.output}
    again = [
        step.model_copy(
            update={
                "output": new.get(step.output),
                "inputs": tuple(Input(handle=new.get(item.handle, item.handle)) for item in step.inputs),
            }
        )
        for step in plan.invocations
    ]
    there = {result.invocation.output for result in results.values() if result.status == "done"}
    for step in without_finished(steps(*again), results).invocations:
        assert {item.handle for item in step.inputs} & {*new, *new.values()} <= there
        there.add(step.output)


def test_a_new_plan_keeps_what_was_asked_differently():
    before = ended(CHAIN, s0="done")
    again = steps(segment(target="old clock", base="image-1", output="mask-5"))
    assert without_finished(again, before) == again
