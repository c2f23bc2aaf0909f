"""The shipped fakes do what their names say; the graph's tests show that the framework catches the bad ones."""

import threading
import time

import numpy as np
import pytest

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import ExpertError, TurnCancelled, VerificationError
from vitron_agent.graphs.nodes.expert import store_output
from vitron_agent.messages import Module, Operation, Region, Role, make_invocation
from vitron_agent.tools import fakes
from vitron_agent.tools.base import Expert, Job
from vitron_agent.tools.verify import verify_outputs

STORE = ArtifactStore("memory://")
PICTURE = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)


def job(module=Module.IMAGE_EDITING, operation=Operation.REMOVE, picture=PICTURE, mask=None, **fields):
    inputs = {Role.BASE: STORE.put_image(picture)}
    if mask is not None:
        inputs[Role.MASK] = STORE.put_mask(mask)
    fields.setdefault("target", "lamp")
    callbacks = {name: fields.pop(name) for name in ("report", "cancelled") if name in fields}
    return Job(make_invocation(module, operation, **fields), inputs, STORE, **callbacks)


def verdict(behave, **fields):
    given = job(**fields)
    base = given.inputs[Role.BASE]
    made = behave(given).outputs
    return verify_outputs(given, {item.slot: store_output(STORE, item, base) for item in made})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_the_good_one_is_good(dtype, channels):
    full = np.iinfo(dtype).max
    picture = np.random.default_rng(0).integers(0, full + 1, (9, 7, channels), dtype=dtype)
    assert verdict(fakes.paint, picture=picture) == "done"


@pytest.mark.parametrize("behave", [fakes.shift_by_a_pixel, fakes.smaller, fakes.touch_outside, fakes.give_a_mask])
def test_the_bad_ones_break_a_guarantee(behave):
    with pytest.raises(VerificationError):
        verdict(behave)


def test_giving_the_input_back_is_no_change():
    assert verdict(fakes.give_input_back) == "unchanged"


def test_honest_ends_have_no_outputs():
    assert fakes.give_nothing(job()).outputs == ()
    assert fakes.not_find(job()).status == "not_found"
    assert fakes.leave_unchanged(job()).status == "unchanged"


def test_failures():
    with pytest.raises(ExpertError, match="cannot remove"):
        fakes.fail(job())
    with pytest.raises(IndexError):
        fakes.crash(job())


def test_the_area_is_the_mask_or_the_regions_or_the_box():
    mask = np.zeros((16, 20), np.bool_)
    mask[2, 3] = True
    np.testing.assert_array_equal(fakes.area_of(job(mask=mask)), mask)
    left = fakes.area_of(job(regions=(Region.box(0, 0, 0.5, 1),)))
    assert left[:, :10].all()
    assert not left[:, 10:].any()
    assert fakes.area_of(job())[4:12, 5:15].all()
    assert fakes.area_of(job()).sum() == 80


def test_slow_work_reports_and_stops_when_told():
    seen, stop = [], threading.Event()
    polite = job(report=seen.append, cancelled=stop.is_set)
    threading.Timer(0.1, stop.set).start()
    started = time.monotonic()
    with pytest.raises(TurnCancelled):
        fakes.work_slowly(30)(polite)
    assert time.monotonic() - started < 5
    assert seen
    assert fakes.work_slowly(0.05)(job()).status == "done"


def test_fail_first_gets_better():
    behave = fakes.fail_first(2, lambda: ConnectionError("x"))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            behave(job())
    assert behave(job()).status == "done"


def test_grounding_and_segmentation_find_things_where_they_are_told():
    found = fakes.FakeGrounding(box=(0, 0, 0.5, 0.5)).run(job(Module.IMAGE_GROUNDING, Operation.DETECT))
    assert found.findings[0].box == (0, 0, 0.5, 0.5)
    assert found.outputs[0].value.labels == ("lamp",)
    missing = fakes.FakeGrounding(known=["ox"]).run(job(Module.IMAGE_GROUNDING, Operation.DETECT, target="cow"))
    assert missing.status == "not_found"
    assert "ox" in missing.notes[0]
    segment = fakes.FakeSegmentation()
    parts = segment.run(job(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target="everything"))
    assert parts.outputs[0].kind == "partition"
    soft = segment.run(job(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, value="soft"))
    assert [item.slot for item in soft.outputs] == ["mask", "cutout"]


def test_fakes_are_experts_that_remember_their_jobs():
    for expert in fakes.fake_experts():
        assert isinstance(expert, Expert)
    editor = fakes.FakeExpert(Module.IMAGE_EDITING, fakes.paint, operations=[Operation.REMOVE], refusal="no")
    assert editor.backend.refuse(job().invocation) == "no"
    assert editor.backend.operations == {Operation.REMOVE}
    editor.run(job())
    assert len(editor.jobs) == 1
