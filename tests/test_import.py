"""What importing the package costs, and what it offers."""

import subprocess
import sys
import typing

import pytest

import vitron_agent

NAMES = [
    "Artifact", "ArtifactError", "ArtifactRef", "ArtifactStore", "Budget", "ConfigError", "Event", "ExpertError",
    "Finding", "Invocation", "InvocationError", "Limits", "MediaError", "Module", "Operation", "PersistenceError",
    "Plan", "Profile", "Region", "Reply", "Settings", "UsageError", "VitronAgent", "VitronError", "make_invocation",
]  # fmt: skip


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_public_names_are_these():
    assert sorted(NAMES) == vitron_agent.__all__
    assert set(vitron_agent._HOMES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_loads(name):
    assert getattr(vitron_agent, name) is not None
    assert name in dir(vitron_agent)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Vitron'"):
        vitron_agent.Vitron  # noqa: B018


def test_importing_takes_half_a_second_at_most_and_loads_nothing_heavy():
    code = (
        "import sys, time; started = time.process_time(); import vitron_agent; spent = time.process_time() - started;"
        "heavy = {'torch', 'transformers', 'cv2', 'skimage', 'langgraph', 'numpy', 'PIL', 'sqlalchemy'};"
        "print(spent, sorted(heavy & set(sys.modules)))"
    )
    spent, loaded = run(code).split(" ", 1)
    assert loaded == "[]"
    assert float(spent) < 0.5


def test_the_agent_itself_needs_no_torch_until_a_model_is_used():
    code = (
        "import sys; from vitron_agent import VitronAgent;"
        "print(sorted({'torch', 'transformers', 'cv2', 'skimage', 'pymatting'} & set(sys.modules)))"
    )
    assert run(code) == "[]"


def test_annotations_of_the_agent_can_be_read():
    for name in ("chat", "achat", "stream", "plan", "resume", "history", "undo", "fork", "cancel"):
        method = getattr(vitron_agent.VitronAgent, name)
        assert "return" in method.__annotations__, name
    assert typing.get_type_hints(vitron_agent.VitronAgent.fork)["return"] is str
