"""What an edit is about, as masks: from the mask input, the drawings and the words of its invocation."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from vitron_agent.artifacts import ArtifactRef, ImageArray
from vitron_agent.errors import WrongMediaError
from vitron_agent.messages import Finding, Operation, Region, Role
from vitron_agent.tools.base import Job, MaskArray, Progress, Told
from vitron_agent.tools.edit_words import Beside, Placement, bare, is_here, means_behind, read_placement
from vitron_agent.tools.image_segmentation import NotFound, Prompt, SegmentationBackend
from vitron_agent.tools.regions import rasterise, rasterise_all

_AS_DRAWN = frozenset({"polygon", "mask"})
"""Drawings that say exactly which pixels are meant; a thing is looked for in the others."""
_WHOLE_PICTURE = frozenset({Operation.STYLE, Operation.ADJUST})
"""Operations that are about the whole picture where nothing else is said."""
_PLACING = frozenset({Operation.MOVE, Operation.ADD})
_FROM_SOURCE = frozenset({Operation.ADD, Operation.REPLACE})
_SUBJECT = frozenset({"subject", "main subject", "foreground", "main object", "main thing"})
_FILLED_BOX = (0.1, 0.95)
"""What is removed with a drawn box is the thing in it, if that fills a share of the box between these; else the box."""


class NothingFoundError(Exception):
    """Something that the edit speaks of is not in the picture; ends as ``not_found``."""

    def __init__(self, notes: tuple[str, ...]) -> None:
        super().__init__(*notes)
        self.notes = notes


class EditTargets:
    """Finds what one job speaks of. What was seen and said on the way is in ``findings`` and ``notes``.

    All methods raise :class:`NothingFoundError`, and WrongMediaError where a mask doesn't fit its picture.

    Args:
        job: The edit.
        segmentation: Finds things.
    """

    def __init__(self, job: Job, segmentation: SegmentationBackend) -> None:
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self._job = job
        self._segmentation = segmentation
        self._operation = job.invocation.operation

    def mask(self) -> MaskArray | None:
        """What is edited in the base; None = the whole picture, or (for ``add``) nothing that is there."""
        if self._operation is Operation.ADD:
            return None
        given = self._given_mask(Role.BASE)
        if given is not None:
            return given
        regions, _ = self._drawn
        target = self._job.invocation.target
        if self._operation is Operation.BACKGROUND and means_behind(target):
            target = ""
        reference = self._job.inputs.get(Role.REFERENCE)
        if self._operation in _WHOLE_PICTURE and not (target or regions or reference):
            return None
        return self._select(Role.BASE, target, regions, reference)

    def source_mask(self) -> MaskArray | None:
        """The thing in the source that is added, or comes in another's place."""
        if self._operation not in _FROM_SOURCE or Role.SOURCE not in self._job.inputs:
            return None
        given = self._given_mask(Role.SOURCE)
        if given is not None:
            return given
        invocation = self._job.invocation
        wanted = invocation.target if self._operation is Operation.ADD else bare(invocation.value)
        regions = self._regions(Role.SOURCE)
        cutout = self._cutout()
        if cutout is not None and not regions:
            return cutout
        return self._select(Role.SOURCE, wanted, regions)

    @cached_property
    def placement(self) -> Placement | None:
        """Where something goes; None = not said in words (that are known)."""
        value = self._job.invocation.value
        if self._operation not in _PLACING or is_here(value):
            return None
        return read_placement(value, moving=self._operation is Operation.MOVE)

    def anchor(self) -> MaskArray | None:
        """The thing that the placement speaks of."""
        if not isinstance(self.placement, Beside):
            return None
        return self._select(Role.BASE, self.placement.anchor, ())

    def place(self) -> MaskArray | None:
        """The pixels that were drawn, or given as a mask, to say where."""
        if self._operation is Operation.ADD and (given := self._given_mask(Role.BASE)) is not None:
            return given
        _, regions = self._drawn
        if not regions:
            return None
        height, width = self._job.image().shape[:2]
        return rasterise_all(regions, width, height, self._job.store.mask)

    @property
    def _drawn(self) -> tuple[tuple[Region, ...], tuple[Region, ...]]:
        """The drawings on the base that mean the thing, and those that mean a place.

        A place are all of an ``add``, and the last of a ``move`` whose words leave open where to.
        """
        regions = self._regions(Role.BASE)
        if self._operation is Operation.ADD:
            return (), regions
        if self._operation is Operation.MOVE and is_here(self._job.invocation.value):
            return regions[:-1], regions[-1:]
        return regions, ()

    def _regions(self, role: Role) -> tuple[Region, ...]:
        """The drawings on an input; those whose picture isn't named are on the base."""
        source = self._job.invocation.input(Role.SOURCE)
        base = self._job.invocation.input(Role.BASE)
        on_source = source is not None and source != base
        return tuple(
            region
            for region in self._job.invocation.regions
            if (on_source and region.source == source) is (role is Role.SOURCE)
        )

    def _given_mask(self, role: Role) -> MaskArray | None:
        """The mask input, if it is about this picture."""
        return self._job.mask if self._job.mask is not None and self._mask_is_about is role else None

    @cached_property
    def _mask_is_about(self) -> Role:
        """The picture whose size the mask input has; where both have it, ``add`` means the source's thing."""
        mask = self._job.mask
        assert mask is not None
        roles = [Role.BASE]
        if self._operation in _FROM_SOURCE and Role.SOURCE in self._job.inputs:
            roles = [Role.SOURCE, Role.BASE] if self._operation is Operation.ADD else [Role.BASE, Role.SOURCE]
        if not mask.any():
            raise WrongMediaError("the mask is empty; select something first")
        for role in roles:
            if mask.shape == self._job.image(role).shape[:2]:
                return role
        height, width = self._job.image().shape[:2]
        raise WrongMediaError(
            f"the mask is {mask.shape[1]} x {mask.shape[0]}, the picture {width} x {height}; segment that picture first"
        )

    def _cutout(self) -> MaskArray | None:
        """What is opaque in a source that was cut out before; None for a source without transparent pixels."""
        source = self._job.image(Role.SOURCE)
        if source.shape[2] == 3:
            return None
        opaque: MaskArray = source[..., 3] > np.iinfo(source.dtype).max // 2
        return None if opaque.all() or not opaque.any() else opaque

    def _select(
        self, role: Role, phrase: str, regions: tuple[Region, ...], reference: ArtifactRef | None = None
    ) -> MaskArray:
        image = self._job.image(role)
        height, width = image.shape[:2]
        if not regions and means_behind(phrase):
            return self._around_subject(role, image, reference)
        phrase = "" if bare(phrase).lower() in _SUBJECT else phrase
        exact = [region for region in regions if region.kind in _AS_DRAWN]
        loose = tuple(region for region in regions if region.kind not in _AS_DRAWN)
        selected = rasterise_all(exact, width, height, self._job.store.mask)
        if loose or not exact:
            selected |= self._segment(role, image, phrase, loose, reference)
        return selected

    def _around_subject(self, role: Role, image: ImageArray, reference: ArtifactRef | None) -> MaskArray:
        behind = ~self._segment(role, image, "", (), reference)
        if not behind.any():
            raise NothingFoundError(("The subject fills the whole picture; there is no background.",))
        return behind

    def _segment(
        self, role: Role, image: ImageArray, phrase: str, regions: tuple[Region, ...], reference: ArtifactRef | None
    ) -> MaskArray:
        self._job.report(Progress(f"finding the {phrase}" if phrase else "finding what is meant"))
        # The signal is that of the step's target; what else it speaks of is known by its words.
        named = phrase and role is Role.BASE and phrase == self._job.invocation.target
        told = self._job.told(self._segmentation) if named else Told(phrase)
        prompt = Prompt(
            phrase=told.words,
            regions=regions,
            reference=None if reference is None else self._job.store.image(reference),
            reference_id="" if reference is None else reference.id,
            signals=told.signals,
        )
        found = self._segmentation.segment(
            image, prompt, image_id=self._job.inputs[role].id, report=self._job.report, cancelled=self._job.cancelled
        )
        if isinstance(found, NotFound):
            return self._as_drawn(image, regions, found)
        self.notes += found.notes
        self.findings += found.findings
        if self._operation is Operation.REMOVE:
            return self._to_remove(found.mask, regions)
        return found.mask

    def _as_drawn(self, image: ImageArray, regions: Iterable[Region], missing: NotFound) -> MaskArray:
        """The drawn boxes and strokes themselves, where nothing was recognised in them; a click is too little."""
        shapes = [region for region in regions if region.kind != "points"]
        if not shapes:
            raise NothingFoundError(missing.notes)
        self.notes.append("Nothing was recognised there, so exactly what was drawn was edited.")
        return rasterise_all(shapes, image.shape[1], image.shape[0])

    def _to_remove(self, found: MaskArray, regions: Iterable[Region]) -> MaskArray:
        """Who draws a box around something wants it gone, also where only a scrap of it was recognised."""
        low, high = _FILLED_BOX
        height, width = found.shape
        result = found.copy()
        for region in regions:
            if region.kind == "box":
                box = rasterise(region, width, height)
                if not low <= np.count_nonzero(found & box) / np.count_nonzero(box) <= high:
                    result |= box
        return result
