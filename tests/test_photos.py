"""The embedded experts together on real photos: what is put into one picture from another."""

from pathlib import Path

import numpy as np
import pytest
import skimage

from tests.scenes import detect, inputs, steps
from vitron_agent.agent import VitronAgent
from vitron_agent.config import Settings
from vitron_agent.messages import Module, Operation, make_invocation
from vitron_agent.planners.scripted import ScriptedPlanner

PHOTOS = Path(skimage.__file__).parent / "data"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "target", "value"),
    [(Operation.ADD, "cat", "on the cup"), (Operation.ADD, "cat", "bottom left"), (Operation.REPLACE, "cup", "cat")],
)
def test_a_cat_from_another_photo_is_put_in_and_nothing_else_changes(tmp_path, operation, target, value):
    edit = make_invocation(
        Module.IMAGE_EDITING, operation, target=target, value=value, inputs=inputs("image-1", source="image-2")
    )
    planner = ScriptedPlanner([steps(detect("cat", base="image-1")), steps(edit), steps(detect("cat", base="image-3"))])
    with VitronAgent(
        planner=planner,
        database=f"sqlite:///{tmp_path}/vitron.db",
        artifacts=tmp_path / "artifacts",
        settings=Settings(cache=tmp_path),
    ) as agent:
        before = agent.chat("a cat?", images=[PHOTOS / "coffee.png", PHOTOS / "chelsea.png"], thread="demo")
        made = agent.chat("the cat of the second photo", thread="demo")
        after = agent.chat("a cat now?", thread="demo")
        brought, changed, _ = agent.history("demo")
        base = agent.store.image(brought.handles[0].ref)
        slots = {output.slot: output.ref for output in changed.invocations[0].outputs}
        area, result = agent.store.mask(slots["area"]), agent.store.image(slots["image"])
        [step] = made.invocations
        assert (before.invocations[0].status, step.status, after.invocations[0].status) == ("not_found", "done", "done")
        assert result.shape == base.shape
        assert np.array_equal(result[~area], base[~area])
        assert 0.05 < area.mean() < 0.8
        assert (result != base).any(axis=-1)[area].mean() > 0.9
        x, y = map(float, dict(after.invocations[0].findings[0].facts)["point"].split())
        assert area[int(y * area.shape[0]), int(x * area.shape[1])]
