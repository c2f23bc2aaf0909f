import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import Region, detect, inputs, move, recolor, remove, segment
from tests.strategies import invocations
from vitron_agent.artifacts import ArtifactRef
from vitron_agent.graphs.reply import render, sentence, status_of, wish
from vitron_agent.messages import Finding, InvocationResult, Module, Operation, Output, make_invocation

REF = ArtifactRef(id=f"sha256:{'0' * 64}", kind="image", mime="image/png", nbytes=9)


def done(step, *handles, findings=(), notes=(), slots=()):
    slots = slots or ["image"] * len(handles)
    outputs = tuple(Output(slot=slot, handle=handle, ref=REF) for slot, handle in zip(slots, handles, strict=True))
    return InvocationResult(invocation=step, status="done", outputs=outputs, findings=findings, notes=notes)


def edit(operation, target="", value="", **given):
    base = inputs("image-1", **given)
    return make_invocation(Module.IMAGE_EDITING, operation, target=target, value=value, inputs=base)


FOUND = (Finding(label="dog", score=0.9), Finding(label="dog", score=0.8))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (done(remove(), "image-2"), "Removed the lamp: image-2."),
        (done(recolor(), "image-2"), "Made the clock red: image-2."),
        (done(edit(Operation.REPLACE, "cat", "a dog"), "image-2"), "Replaced the cat by “a dog”: image-2."),
        (
            done(edit(Operation.REPLACE, "cat", source="image-3"), "image-4"),
            "Replaced the cat by what is in image-3: image-4.",
        ),
        (
            done(edit(Operation.ADD, "hat", "on the dog", source="image-3"), "image-4"),
            "Added “hat” from image-3 on the dog: image-4.",
        ),
        (done(edit(Operation.MOVE, "ball", "left 20%"), "image-2"), "Moved the ball left 20%: image-2."),
        (done(edit(Operation.BACKGROUND, "", "blur"), "image-2"), "Blurred the background: image-2."),
        (done(edit(Operation.BACKGROUND, "", "remove"), "image-2"), "Removed the background: image-2."),
        (done(edit(Operation.BACKGROUND, "", "red"), "image-2"), "Changed the background to red: image-2."),
        (
            done(edit(Operation.BACKGROUND, source="image-3"), "image-4"),
            "Put image-3 in the background: image-4.",
        ),
        (done(edit(Operation.STYLE, "", "pencil"), "image-2"), "Applied the style “pencil”: image-2."),
        (
            done(edit(Operation.ADJUST, "sky", "brightness more 20%"), "image-2"),
            "Raised the brightness of the sky by 20%: image-2.",
        ),
        (done(edit(Operation.ADJUST, "", "contrast less"), "image-2"), "Lowered the contrast: image-2."),
        (done(detect("dog"), "boxes-1", findings=FOUND), "Found 2 matches for “dog”: boxes-1."),
        (done(detect("dog"), "boxes-1", findings=FOUND[:1]), "Found 1 match for “dog”: boxes-1."),
        (
            done(segment("cat", value="soft"), "mask-1", "image-2", slots=["mask", "cutout"]),
            "Selected the cat: mask-1 (and cutout image-2).",
        ),
        (done(segment("everything"), "partition-1", findings=FOUND), "Divided the picture into 2 parts: partition-1."),
        (
            done(remove("", regions=(Region.box(0, 0, 1, 1),)), "image-2"),
            "Removed what you marked: image-2.",
        ),
        (done(move(Operation.UNDO)), "Took that back."),
        (done(move(Operation.SELECT, base="image-2")), "Going on with image-2."),
        (
            done(move(Operation.SEARCH, target="boat"), notes=("Going on with image-3, which shows “boat”",)),
            "Going on with image-3, which shows “boat”.",
        ),
        (
            InvocationResult(invocation=remove("cow"), status="not_found", notes=("cow: searched as ox",)),
            "I could not find the cow. Cow: searched as ox.",
        ),
        (
            InvocationResult(invocation=recolor(), status="unchanged"),
            "I tried to make the clock red, but nothing changed.",
        ),
        (
            InvocationResult(invocation=remove(), status="failed", error="out of paint"),
            "I could not remove the lamp: out of paint.",
        ),
        (InvocationResult(invocation=remove(), status="rejected"), "As you decided, I did not remove the lamp."),
        (
            InvocationResult(invocation=remove(), status="skipped", error="it needs step 1, which was not found"),
            "I did not remove the lamp: it needs step 1, which was not found.",
        ),
    ],
)
def test_sentences(result, words):
    assert sentence(result) == words


HANDLE = re.compile(r"\b(?:image|mask|boxes|partition|video|masks|interval)-\d+\b")
plain = st.text(st.characters(categories=["Ll", "Zs"]), max_size=12)


@given(invocations(), st.sampled_from(["done", "not_found", "unchanged", "failed", "rejected", "skipped"]), st.data())
def test_no_handle_is_named_but_those_that_were_verified_and_those_that_were_asked_about(step, status, data):
    step = step.model_copy(update={"target": data.draw(plain), "value": data.draw(plain), "output": "image-77777"})
    outputs = (Output(slot="image", handle="image-88888", ref=REF),) if status == "done" else ()
    words = sentence(InvocationResult(invocation=step, status=status, outputs=outputs, error="x"))
    allowed = {item.handle for item in step.inputs} | {output.handle for output in outputs}
    assert set(HANDLE.findall(words)) <= allowed


@given(invocations())
def test_every_invocation_can_be_put_into_words(step):
    assert wish(step).strip()
    for status in ("done", "failed"):
        sentence(InvocationResult(invocation=step, status=status, error="x"))


def test_the_whole_reply():
    results = [
        done(remove(), "image-2"),
        InvocationResult(invocation=recolor(), status="skipped", error="you cancelled it"),
    ]
    text = render(results, halt="you cancelled it")
    assert text.startswith("Removed the lamp: image-2. I did not make the clock red: you cancelled it. Stopped: you")
    assert render([], answer="It is a cat.") == "It is a cat."
    assert render([], failure="there is no picture") == "I can't do that: there is no picture."
    assert render([]) == "There was nothing to do."


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "done"),
        (["done", "failed"], "done"),
        (["failed"], "failed"),
        (["failed", "skipped"], "failed"),
        (["not_found", "skipped"], "done"),
        (["rejected"], "done"),
    ],
)
def test_a_turn_failed_only_where_nothing_came_to_an_honest_end(statuses, expected):
    results = [InvocationResult(invocation=remove(), status=status) for status in statuses]
    assert status_of(results) == expected
    assert status_of(results, halt="time is up") == "stopped"
    assert status_of(results, failure="no plan") == "failed"
