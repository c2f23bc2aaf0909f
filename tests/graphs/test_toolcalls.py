import pytest
from hypothesis import assume, given
from langchain_core.messages import AIMessage, HumanMessage

from tests.scenes import recolor, steps
from tests.strategies import plans
from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import WireSyntaxError
from vitron_agent.graphs.toolcalls import asks_modules, message_to_plan, plan_to_message, result_to_message
from vitron_agent.messages import InvocationResult, Output

REF = ArtifactRef(id=f"sha256:{'0' * 64}", kind="image", mime="image/png", nbytes=9, width=2, height=2)


@given(plans())
def test_a_plan_survives_the_way_through_tool_calls_but_for_ids_and_signals(plan):
    assume(plan.invocations)
    call_ids = [str(number) for number, _ in enumerate(plan.invocations)]
    message = AIMessage.model_validate_json(plan_to_message(plan, call_ids, "m").model_dump_json())
    assert asks_modules(message)
    bare = tuple(step.model_copy(update={"id": "", "signal": None}) for step in plan.invocations)
    assert message_to_plan(message).invocations == bare


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("image_editing", {"operation": "explode"}, "image_editing has no operation 'explode'"),
        ("image_editing", {}, "has no operation"),
        ("image_editing", {"operation": "segment"}, "image_editing"),
        ("image_editing", {"operation": "remove", "colour": "red"}, "colour"),
        ("image_editing", {"operation": "remove", "inputs": [{"role": "base"}]}, r"inputs\.0\.handle"),
        ("shell", {"operation": "run"}, "unknown module 'shell'"),
    ],
)
def test_foreign_arguments_are_refused_with_the_place(name, args, words):
    message = AIMessage("", tool_calls=[{"name": name, "args": args, "id": "1"}])
    with pytest.raises(WireSyntaxError, match=words):
        message_to_plan(message)


def test_a_caller_cannot_choose_ids_or_signals():
    args = {"operation": "remove", "target": "cat", "id": "9.9.9", "signal": {"artifact": "x"}, "schema_version": 7}
    plan = message_to_plan(AIMessage("", tool_calls=[{"name": "image_editing", "args": args, "id": "1"}]))
    assert plan.invocations[0].id == ""
    assert plan.invocations[0].signal is None


def test_only_module_calls_are_plans():
    other = {"name": "web_search", "args": {}, "id": "2"}
    ours = {"name": "image_editing", "args": {"operation": "remove", "target": "cat"}, "id": "1"}
    assert asks_modules(AIMessage("", tool_calls=[ours]))
    assert not asks_modules(AIMessage("", tool_calls=[ours, other]))
    assert not asks_modules(AIMessage("hello"))
    assert not asks_modules(HumanMessage("hello"))


def test_a_result_names_its_artifacts_by_reference_and_its_failure_by_status():
    step = recolor(base="image-1", output="image-2")
    outputs = (Output(slot="image", handle="image-2", ref=REF), Output(slot="area", handle=None, ref=REF))
    done = result_to_message(InvocationResult(invocation=step, status="done", outputs=outputs), "call", "Done.")
    assert done.status == "success"
    assert done.artifact == [
        {"slot": "image", "handle": "image-2", "id": REF.id, "kind": "image", "mime": "image/png", "nbytes": 9,
         "width": 2, "height": 2}
    ]  # fmt: skip
    failed = result_to_message(InvocationResult(invocation=step, status="failed", error="x"), "call", "No.")
    assert (failed.status, failed.artifact, failed.tool_call_id) == ("error", [], "call")


def test_results_of_every_status_answer_their_call():
    step = steps(recolor()).invocations[0]
    for status in ("not_found", "unchanged"):
        assert result_to_message(InvocationResult(invocation=step, status=status), "c", "x").status == "success"
    for status in ("rejected", "skipped"):
        assert result_to_message(InvocationResult(invocation=step, status=status), "c", "x").status == "error"
