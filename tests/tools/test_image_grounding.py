from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.messages import Finding, Input, Module, Operation, Region, Role, make_invocation
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.base import Expert, Job
from vitron_agent.tools.image_grounding import Detections, ImageGroundingExpert


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> ImageGroundingExpert:
    return ImageGroundingExpert(EmbeddedGrounding(Vision(DenseEncoder(tmp_path_factory.mktemp("encoder")))))


def job(store: ArtifactStore, target: str, regions: tuple[Region, ...] = (), **inputs: np.ndarray) -> Job:
    given = {"base": data.chelsea(), **inputs}
    refs = {Role(role): store.put_image(image) for role, image in given.items()}
    named = tuple(Input(role=role, handle=f"image-{number}") for number, role in enumerate(refs, 1))
    invocation = make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, target=target, regions=regions, inputs=named)
    return Job(invocation, refs, store)


def test_findings_become_one_boxes_artifact_that_can_be_stored(expert, store):
    assert isinstance(expert, Expert)
    outcome = expert.run(job(store, "cat"))
    assert outcome.status == "done"
    (produced,) = outcome.outputs
    assert (produced.slot, produced.kind) == ("boxes", "boxes")
    boxes = produced.value
    assert boxes.labels == tuple(finding.label for finding in outcome.findings)
    assert np.allclose(boxes.xyxy, [finding.box for finding in outcome.findings])
    assert store.boxes(store.put_boxes(boxes, 451, 300)) == boxes


def test_not_found_has_no_outputs_but_says_why(expert, store):
    outcome = expert.run(job(store, "giraffe"))
    assert outcome.status == "not_found"
    assert outcome.outputs == ()
    assert "giraffe" in outcome.notes[0]


LEFT, RIGHT = Finding(label="cat", score=0.9, box=(0, 0, 0.4, 1)), Finding(label="cat", score=0.8, box=(0.6, 0, 1, 1))


class TwoCats:
    """Finds one on the left and one on the right."""

    name = "two"
    version = "1"
    operations = frozenset({Operation.DETECT})
    consumes_signals = False

    def refuse(self, invocation):
        return None

    def detect(self, image, phrase, *, signals=None, **rest):
        self.told = (phrase, signals)
        return Detections((LEFT, RIGHT))


@pytest.mark.parametrize(
    ("regions", "meant"),
    [
        ((), (LEFT, RIGHT)),
        ((Region.points([(0.2, 0.5)]),), (LEFT,)),
        ((Region.box(0.5, 0, 1, 1),), (RIGHT,)),
        ((Region.points([(0.2, 0.5)]), Region.box(0.5, 0, 1, 1)), (LEFT, RIGHT)),
    ],
)
def test_a_drawing_says_which_are_meant(store, regions, meant):
    outcome = ImageGroundingExpert(TwoCats()).run(job(store, "cat", regions))
    assert outcome.findings == meant
    assert len(outcome.outputs[0].value.xyxy) == len(meant)


def test_what_is_only_beside_the_drawing_is_not_found(store):
    outcome = ImageGroundingExpert(TwoCats()).run(job(store, "cat", (Region.points([(0.5, 0.5)]),)))
    assert (outcome.status, outcome.outputs) == ("not_found", ())
    assert "not where you drew" in outcome.notes[0]


def test_a_reference_picture_is_enough(expert, store):
    outcome = expert.run(job(store, "", reference=data.chelsea()))
    assert outcome.status == "done"


def test_progress_is_reported(expert, store):
    stages: list[str] = []
    asked = job(store, "cat")
    expert.run(Job(asked.invocation, asked.inputs, store, report=lambda progress: stages.append(progress.stage)))
    assert stages == ["looking at the picture", "searching cat"]


SIGNAL = {"shared": np.ones((2, 3), np.float16), "private": np.zeros((1, 3), np.float16)}


@pytest.mark.parametrize("consumes", [True, False])
@pytest.mark.parametrize("channels", ["text", "signal", "hybrid"])
def test_the_backend_gets_what_it_is_told(store, channels, consumes):
    backend = TwoCats()
    backend.consumes_signals = consumes
    asked = replace(job(store, "cat"), signal=SIGNAL, channels=channels)
    ImageGroundingExpert(backend).run(asked)
    words, signals = backend.told
    wanted = asked.told(backend)
    assert words == wanted.words
    assert (signals is not None) is (consumes and channels != "text")
    assert signals is None or np.array_equal(signals, wanted.signals)
