import numpy as np
import pytest

from tests.scenes import recolor, remove, steps
from vitron_agent.messages import Plan
from vitron_agent.planners.base import Planner, SignalEmbedding, SignalledPlan, SignallingPlanner
from vitron_agent.planners.scripted import ScriptedPlanner
from vitron_agent.planners.vitron import VitronPlanner

GOOD = np.ones((4, 6), np.float16)


@pytest.mark.parametrize(
    ("shared", "private", "words"),
    [
        (GOOD, GOOD[0], r"private signals are \(n, d\) float16, got \(6,\)"),
        (GOOD[None], GOOD, r"shared signals are \(n, d\) float16, got \(1, 4, 6\)"),
        (GOOD.astype(np.float32), GOOD, "got .* float32"),
        (GOOD, GOOD[:0], r"got \(0, 6\)"),
        (GOOD, GOOD * np.float16(np.nan), "private signals are not finite"),
        (GOOD, GOOD[:, :5], "one d, got 6 and 5"),
    ],
)
def test_what_is_no_signal_is_refused(shared, private, words):
    with pytest.raises(ValueError, match=words):
        SignalEmbedding(shared, private)


def test_a_plan_has_a_signal_an_invocation_or_none_at_all():
    signal = SignalEmbedding(GOOD, GOOD[:2])
    plan = steps(recolor(), remove())
    assert SignalledPlan(plan).signals == ()
    assert SignalledPlan(plan, (signal, None)).signals[0] is signal
    with pytest.raises(ValueError, match="2 invocations need as many signals, got 1"):
        SignalledPlan(plan, (signal,))
    with pytest.raises(ValueError, match="0 invocations need as many"):
        SignalledPlan(Plan(text="Hello!"), (signal,))


def test_who_signals():
    plain = ScriptedPlanner([])
    assert isinstance(plain, Planner)
    assert not isinstance(plain, SignallingPlanner)
    assert isinstance(VitronPlanner(), SignallingPlanner)
