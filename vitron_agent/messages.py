"""The messages between planner, graph and experts: small, frozen, typed, free of tensors.

An :class:`Invocation` is what VITRON calls module name + invocation command + region (paper App. B.1), plus named
inputs and a :class:`SignalRef`, the continuous half. Class paths in this module are a storage format: they are
written into checkpoints and the ledger, so moving one needs a migration.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from vitron_agent.artifacts import ArtifactRef, Kind

Box: TypeAlias = tuple[float, float, float, float]
"""(x_left, y_top, x_right, y_bottom), each in [0, 1] of the source's width or height; origin top left."""
Point: TypeAlias = tuple[float, float]
"""(x, y), each in [0, 1] of the source's width or height; origin top left."""
Handle: TypeAlias = str
"""The name of an artifact in a conversation: ``image-1``, ``mask-2``."""
Phrase: TypeAlias = Annotated[str, AfterValidator(str.strip)]
"""Words of a target or a value, without surrounding white space; empty where there are none."""
Channels: TypeAlias = Literal["text", "signal", "hybrid"]
"""Which halves of the message an expert may read (paper, Figure 4)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Module(StrEnum):
    """The eight expert families of DESIGN §3, and the conversation itself."""

    IMAGE_GENERATION = "image_generation"
    IMAGE_SEGMENTATION = "image_segmentation"
    IMAGE_EDITING = "image_editing"
    VIDEO_GENERATION = "video_generation"
    VIDEO_SEGMENTATION = "video_segmentation"
    VIDEO_EDITING = "video_editing"
    IMAGE_TO_VIDEO = "image_to_video"
    IMAGE_GROUNDING = "image_grounding"
    CONVERSATION = "conversation"

    @property
    def wire_name(self) -> str:
        """The name on the wire: ``Image Segmentation``."""
        return self.value.replace("_", " ").title()


class Operation(StrEnum):
    """What an expert can be asked to do."""

    GENERATE = "generate"
    SEGMENT = "segment"
    REMOVE = "remove"
    REPLACE = "replace"
    ADD = "add"
    MOVE = "move"
    RECOLOR = "recolor"
    BACKGROUND = "background"
    STYLE = "style"
    ADJUST = "adjust"
    TRACK = "track"
    ANIMATE = "animate"
    DETECT = "detect"
    UNDO = "undo"
    SELECT = "select"
    SEARCH = "search"


class Role(StrEnum):
    """What an input is to an operation."""

    BASE = "base"
    """What is worked on."""
    MASK = "mask"
    """Where it is worked on."""
    SOURCE = "source"
    """Where a thing or a background comes from."""
    REFERENCE = "reference"
    """What the searched thing looks like."""


class Input(_Frozen):
    """One named input of an invocation."""

    role: Role = Role.BASE
    handle: Handle


class Region(_Frozen):
    """Something that the user (or the planner) drew on a source.

    Use the constructors: ``Region.box(0.1, 0.2, 0.4, 0.6)``, ``Region.points([(0.5, 0.5)])``, ``Region.polygon(...)``,
    ``Region.scribble(...)``, ``Region.mask(ref)``. Coordinates lie in [0, 1], origin top left.

    Attributes:
        kind: What was drawn.
        coordinates: For a box its top left and bottom right corner; else the points, vertices or stroke in order.
        labels: For points: True = on the thing, False = on what is not meant. Empty = all True.
        width: For a scribble: the stroke's width as a fraction of the source's larger side.
        artifact: For a mask: the id of the mask artifact.
        source: The handle that it was drawn on; None = the newest picture.
        frames: First and last frame (0-based, inclusive) on which it holds; None = a still, or the whole clip.
        name: ``region-n`` where it refers to the user's n-th drawing.
    """

    kind: Literal["box", "points", "polygon", "scribble", "mask"]
    coordinates: tuple[Point, ...] = ()
    labels: tuple[bool, ...] = ()
    width: Annotated[float, Field(gt=0, le=0.5)] = 0.02
    artifact: str | None = None
    source: Handle | None = None
    frames: tuple[int, int] | None = None
    name: str | None = None

    @classmethod
    def box(
        cls,
        x_left: float,
        y_top: float,
        x_right: float,
        y_bottom: float,
        *,
        source: Handle | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Self:
        """A rectangle; raises ValidationError (a ValueError) unless x_left < x_right and y_top < y_bottom."""
        return cls(kind="box", coordinates=((x_left, y_top), (x_right, y_bottom)), source=source, frames=frames)

    @classmethod
    def points(
        cls,
        points: Iterable[Point],
        *,
        labels: Sequence[bool] = (),
        source: Handle | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Self:
        """Clicks on the thing (or beside it, where the label is False)."""
        return cls(kind="points", coordinates=tuple(points), labels=tuple(labels), source=source, frames=frames)

    @classmethod
    def polygon(
        cls, vertices: Iterable[Point], *, source: Handle | None = None, frames: tuple[int, int] | None = None
    ) -> Self:
        """A closed outline of three vertices or more."""
        return cls(kind="polygon", coordinates=tuple(vertices), source=source, frames=frames)

    @classmethod
    def scribble(
        cls,
        stroke: Iterable[Point],
        *,
        width: float = 0.02,
        source: Handle | None = None,
        frames: tuple[int, int] | None = None,
    ) -> Self:
        """A free stroke on the thing."""
        return cls(kind="scribble", coordinates=tuple(stroke), width=width, source=source, frames=frames)

    @classmethod
    def mask(cls, artifact: str, *, source: Handle | None = None, frames: tuple[int, int] | None = None) -> Self:
        """A mask artifact of the size of its source, by artifact id."""
        return cls(kind="mask", artifact=artifact, source=source, frames=frames)

    @property
    def bounds(self) -> Box:
        """The smallest box around the coordinates.

        Raises:
            ValueError: The region is a mask; its bounds are known only after loading it.
        """
        if self.kind == "mask":
            raise ValueError("the bounds of a mask region are known only from its pixels")
        xs, ys = zip(*self.coordinates, strict=True)
        return (min(xs), min(ys), max(xs), max(ys))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(not 0.0 <= value <= 1.0 for point in self.coordinates for value in point):
            raise ValueError("coordinates of a region lie in [0, 1]; divide pixels by the source's width or height")
        needed = {"box": 2, "points": 1, "polygon": 3, "scribble": 1, "mask": 0}[self.kind]
        if len(self.coordinates) < needed:
            raise ValueError(f"a {self.kind} needs at least {needed} points, got {len(self.coordinates)}")
        if self.kind == "box":
            (x_left, y_top), (x_right, y_bottom) = self.coordinates
            if x_right <= x_left or y_bottom <= y_top:
                raise ValueError(
                    f"a box is (x_left, y_top, x_right, y_bottom) with left < right and top < bottom, got "
                    f"({x_left}, {y_top}, {x_right}, {y_bottom})"
                )
        if self.labels and len(self.labels) != len(self.coordinates):
            raise ValueError(f"{len(self.coordinates)} points need as many labels, got {len(self.labels)}")
        if (self.kind == "mask") != (self.artifact is not None):
            raise ValueError("a mask region, and only a mask region, names an artifact")
        if self.frames is not None and not 0 <= self.frames[0] <= self.frames[1]:
            raise ValueError(f"frames are (first, last) with 0 <= first <= last, got {self.frames}")
        return self


class SignalRef(_Frozen):
    """Where one invocation's SignalEmbedding lies in the store (safetensors; v_s and v_p of DESIGN §5).

    Attributes:
        artifact: Id of the tensor artifact with ``shared`` [n_s, d] and ``private`` [n_p, d], float16.
        num_shared: n_s, number of task-invariant tokens.
        num_private: n_p, number of task-specific tokens.
        dim: d.
    """

    artifact: str
    num_shared: int
    num_private: int
    dim: int


class _InvocationBase(_Frozen):
    """Fields that all invocations have. Unused text fields are empty, never None."""

    schema_version: Literal[1] = 1
    id: str = ""
    """Unique and stable: a replay of the same plan gives the same id. Empty until validated."""
    target: Phrase = ""
    value: Phrase = ""
    inputs: tuple[Input, ...] = ()
    regions: tuple[Region, ...] = ()
    output: Handle | None = None
    signal: SignalRef | None = None

    takes: ClassVar[frozenset[Role]] = frozenset()
    """The roles that the module's operations may name."""

    def input(self, role: Role) -> Handle | None:
        """The handle of an input, or None."""
        return next((item.handle for item in self.inputs if item.role is role), None)

    @model_validator(mode="after")
    def _one_input_per_role(self) -> Self:
        roles = [item.role for item in self.inputs]
        if len(set(roles)) != len(roles):
            raise ValueError(f"each input role may appear once, got {', '.join(roles)}")
        return self


EditOperation: TypeAlias = Literal[
    Operation.REMOVE, Operation.REPLACE, Operation.ADD, Operation.MOVE,
    Operation.RECOLOR, Operation.BACKGROUND, Operation.STYLE, Operation.ADJUST,
]  # fmt: skip


class ImageGeneration(_InvocationBase):
    """A: text to image; value = prompt, regions = layout."""

    module: Literal[Module.IMAGE_GENERATION] = Module.IMAGE_GENERATION
    operation: Literal[Operation.GENERATE] = Operation.GENERATE


class ImageSegmentation(_InvocationBase):
    """B: phrase, region or reference picture to a mask."""

    module: Literal[Module.IMAGE_SEGMENTATION] = Module.IMAGE_SEGMENTATION
    operation: Literal[Operation.SEGMENT] = Operation.SEGMENT
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE, Role.MASK, Role.REFERENCE})


class ImageEditing(_InvocationBase):
    """C: picture to picture."""

    module: Literal[Module.IMAGE_EDITING] = Module.IMAGE_EDITING
    operation: EditOperation
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE, Role.MASK, Role.SOURCE, Role.REFERENCE})


class VideoGeneration(_InvocationBase):
    """D: text to clip."""

    module: Literal[Module.VIDEO_GENERATION] = Module.VIDEO_GENERATION
    operation: Literal[Operation.GENERATE] = Operation.GENERATE


class VideoSegmentation(_InvocationBase):
    """E: phrase or region on a frame to masks, boxes and frame spans."""

    module: Literal[Module.VIDEO_SEGMENTATION] = Module.VIDEO_SEGMENTATION
    operation: Literal[Operation.TRACK] = Operation.TRACK
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE, Role.MASK, Role.REFERENCE})


class VideoEditing(_InvocationBase):
    """F: clip to clip."""

    module: Literal[Module.VIDEO_EDITING] = Module.VIDEO_EDITING
    operation: EditOperation
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE, Role.MASK, Role.SOURCE, Role.REFERENCE})


class ImageToVideo(_InvocationBase):
    """G: a still set in motion; target = what moves (empty: the camera), value = motion."""

    module: Literal[Module.IMAGE_TO_VIDEO] = Module.IMAGE_TO_VIDEO
    operation: Literal[Operation.ANIMATE] = Operation.ANIMATE
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE, Role.MASK})


class ImageGrounding(_InvocationBase):
    """H: phrase to the boxes of all its instances."""

    module: Literal[Module.IMAGE_GROUNDING] = Module.IMAGE_GROUNDING
    operation: Literal[Operation.DETECT] = Operation.DETECT
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE, Role.REFERENCE})


class Conversation(_InvocationBase):
    """Moves within the conversation: undo turns, make a handle current, find an earlier artifact."""

    module: Literal[Module.CONVERSATION] = Module.CONVERSATION
    operation: Literal[Operation.UNDO, Operation.SELECT, Operation.SEARCH]
    takes: ClassVar[frozenset[Role]] = frozenset({Role.BASE})


Invocation: TypeAlias = Annotated[
    ImageGeneration | ImageSegmentation | ImageEditing | VideoGeneration | VideoSegmentation
    | VideoEditing | ImageToVideo | ImageGrounding | Conversation,
    Field(discriminator="module"),
]  # fmt: skip
INVOCATION_TYPES: dict[Module, type[_InvocationBase]] = {
    kind.model_fields["module"].default: kind for kind in get_args(get_args(Invocation)[0])
}
OPERATIONS: dict[Module, tuple[Operation, ...]] = {
    module: get_args(kind.model_fields["operation"].annotation) for module, kind in INVOCATION_TYPES.items()
}
_adapter: TypeAdapter[Invocation] = TypeAdapter(Invocation)

VIDEO_MODULES = frozenset({Module.VIDEO_SEGMENTATION, Module.VIDEO_EDITING})
"""Modules whose base is a clip; the other modules with a base take a picture."""


def input_kinds(module: Module, role: Role) -> frozenset[Kind]:
    """The kinds of artifact that a module takes in a role."""
    video = module in VIDEO_MODULES
    if module is Module.CONVERSATION:
        return frozenset({"image", "video", "mask", "masks", "boxes", "partition"})
    if role is Role.BASE:
        return frozenset({"video"}) if video else frozenset({"image"})
    if role is Role.MASK:
        return frozenset({"mask", "masks"}) if video else frozenset({"mask"})
    return frozenset({"image", "video"}) if video else frozenset({"image"})


def needs_base(module: Module) -> bool:
    """True for modules that work on something that exists."""
    return Role.BASE in INVOCATION_TYPES[module].takes and module is not Module.CONVERSATION


def output_kind(invocation: "Invocation") -> Kind | None:
    """The kind of an invocation's main output, which also names its handle; None for moves in the conversation."""
    if invocation.module is Module.IMAGE_SEGMENTATION:
        marked = invocation.regions or invocation.input(Role.MASK)
        return "partition" if invocation.target.lower() == "everything" and not marked else "mask"
    return _OUTPUT_KINDS.get(invocation.module)


_OUTPUT_KINDS: dict[Module, Kind] = {
    Module.IMAGE_GENERATION: "image",
    Module.IMAGE_EDITING: "image",
    Module.IMAGE_GROUNDING: "boxes",
    Module.VIDEO_GENERATION: "video",
    Module.VIDEO_EDITING: "video",
    Module.IMAGE_TO_VIDEO: "video",
    Module.VIDEO_SEGMENTATION: "masks",
}


def make_invocation(module: Module, operation: Operation, **fields: Any) -> Invocation:
    """Builds the invocation class of ``module``; raises ValidationError (a ValueError) on anything that doesn't fit."""
    return _adapter.validate_python({"module": module, "operation": operation, **fields})


class Plan(_Frozen):
    """Ordered invocations, or an answer in words; never both.

    Attributes:
        invocations: In order; dependencies follow from their input and output handles.
        text: The answer; empty when there are invocations.
        notes: What the reader dropped or mended (invalid boxes, missing handles), for logs and the user.
    """

    invocations: tuple[Invocation, ...] = ()
    text: str = ""
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.invocations and self.text:
            raise ValueError("a plan either calls modules or answers in words")
        return self

    def without_signals(self) -> Self:
        """What it says in words: all that a prompt repeats of an earlier plan."""
        steps = tuple(step.model_copy(update={"signal": None}) for step in self.invocations)
        return self.model_copy(update={"invocations": steps})

    def dependencies(self) -> tuple[frozenset[int], ...]:
        """For each invocation the positions of the earlier ones whose outputs it reads."""
        made_by = {item.output: position for position, item in enumerate(self.invocations) if item.output}
        return tuple(
            frozenset(
                made_by[handle]
                for handle in _read_handles(item)
                if made_by.get(handle, len(self.invocations)) < position
            )
            for position, item in enumerate(self.invocations)
        )


def _read_handles(invocation: _InvocationBase) -> set[Handle]:
    drawn_on = {region.source for region in invocation.regions if region.source}
    return {item.handle for item in invocation.inputs} | drawn_on


Status: TypeAlias = Literal["done", "not_found", "unchanged", "failed", "rejected", "skipped"]
"""How an invocation ended. ``not_found`` and ``unchanged`` are honest outcomes; ``rejected`` by the user;
``skipped`` because an input never came to be, or the budget ran out."""


class Finding(_Frozen):
    """One thing that an expert saw.

    Attributes:
        label: The word it was found as.
        score: Confidence in [0, 1].
        box: Where.
        facts: Small extras such as ``("color", "red")``.
    """

    label: str
    score: float
    box: Box | None = None
    facts: tuple[tuple[str, str], ...] = ()


class Output(_Frozen):
    """One verified artifact of an invocation: output slot ("image", "mask", "boxes", ...), handle and reference.

    The slot ``area`` has no handle: it records which pixels an edit was allowed to change.
    """

    slot: str
    handle: Handle | None
    ref: ArtifactRef


class InvocationResult(_Frozen):
    """What became of one invocation; replies are rendered from these alone (DESIGN §6.2).

    Attributes:
        invocation: What was asked.
        status: How it ended.
        outputs: Verified artifacts, main slot first.
        findings: What was seen on the way.
        notes: Sentences for the user ("cow: searched as ox").
        error: For ``failed``, ``rejected`` and ``skipped``: why.
        seconds: Wall time of the expert.
        backend: Name and version of the backend that ran, such as ``embedded/1``.
    """

    invocation: Invocation
    status: Status
    outputs: tuple[Output, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    seconds: float = 0.0
    backend: str = ""
