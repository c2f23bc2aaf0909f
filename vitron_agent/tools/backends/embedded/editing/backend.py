"""The embedded editing backend: reads an edit's words, picks the method, and works where the edit is."""

from collections.abc import Callable

import numpy as np

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import CapabilityError
from vitron_agent.messages import Invocation, Operation
from vitron_agent.tools.backends.embedded.editing import background, compose, placing, refusals
from vitron_agent.tools.backends.embedded.editing.adjust import adjust, read_adjustment
from vitron_agent.tools.backends.embedded.editing.colors import read_color
from vitron_agent.tools.backends.embedded.editing.matte import matte
from vitron_agent.tools.backends.embedded.editing.pixels import (
    UnitArray,
    around,
    crop_of,
    from_unit,
    mixed,
    stop_if,
    to_unit,
)
from vitron_agent.tools.backends.embedded.editing.recolor import recolor
from vitron_agent.tools.backends.embedded.editing.style import STYLES, Brush, read_style
from vitron_agent.tools.base import MaskArray, Progress
from vitron_agent.tools.edit_words import Beside, bare, means_transparent
from vitron_agent.tools.image_editing import Edit, EditRequest
from vitron_agent.tools.regions import mask_box

_EDGE = 0.008
"""How far the true edge may lie off the mask's, as a fraction of the picture's larger side."""
_FRINGE = 0.018
"""How far the traces of a removed thing reach: fringes, the beginning of its shadow."""
_LEAVES_HOLE = frozenset({Operation.REMOVE, Operation.MOVE, Operation.REPLACE})
_SURFACES = frozenset({
    "sky", "wall", "walls", "floor", "ground", "grass", "lawn", "water", "sea", "ocean", "ceiling", "road", "sand",
    "field", "carpet", "snow", "river", "lake", "background", "clouds",
})  # fmt: skip
"""What has no shape of its own: replaced by filling its place, not by putting a thing there."""


class EmbeddedEditing:
    """Edits by classical methods; what needs a generator it refuses."""

    name = "embedded"
    version = "1"
    consumes_signals = False

    def __init__(self) -> None:
        self._methods: dict[Operation, Callable[[EditRequest], Edit]] = {
            Operation.REMOVE: self._remove,
            Operation.REPLACE: self._replace,
            Operation.ADD: self._add,
            Operation.MOVE: self._move,
            Operation.RECOLOR: self._recolor,
            Operation.BACKGROUND: self._background,
            Operation.STYLE: self._style,
            Operation.ADJUST: self._adjust,
        }
        self.operations = frozenset(self._methods)

    def refuse(self, invocation: Invocation) -> str | None:
        """As the protocol says."""
        return refusals.refuse(invocation)

    def feather_px(self, request: EditRequest) -> int:
        """A share of the picture's size, less around small things: it covers soft edges and, for what goes, traces."""
        if request.operation in _LEAVES_HOLE and not _is_surface(request):
            return _reach(request.image, request.mask, _FRINGE, least=3)
        return _reach(request.image, request.mask, _EDGE, least=2)

    def edit(self, request: EditRequest) -> Edit:
        """As the protocol says; a request that :meth:`refuse` would refuse raises CapabilityError."""
        stop_if(request.cancelled)
        request.report(Progress(request.operation.value))
        return self._methods[request.operation](request)

    # ---- a thing, or a part, where it is

    def _recolor(self, request: EditRequest) -> Edit:
        color = read_color(request.value)
        if color is None:
            raise _not_understood(request)
        radius = self.feather_px(request)

        def paint(part: UnitArray, mask: MaskArray) -> UnitArray:
            return recolor(part, mask, color, radius, request.cancelled)

        return _locally(request, radius, paint)

    def _style(self, request: EditRequest) -> Edit:
        name = read_style(request.value)
        if name is None:
            raise _not_understood(request)
        large = max(request.image.shape[:2])
        box = None if request.mask is None else mask_box(request.mask)
        block = large / 72 if box is None else max(box[2] - box[0], box[3] - box[1]) / 12
        brush = Brush(large / 1000, max(3, round(block)), request.mask is None, request.seed, request.cancelled)
        return self._filtered(request, lambda part: STYLES[name](part, brush))

    def _adjust(self, request: EditRequest) -> Edit:
        adjustment = read_adjustment(request.value)
        if adjustment is None:
            raise _not_understood(request)
        scale = max(1.0, max(request.image.shape[:2]) / 1000)
        return self._filtered(request, lambda part: adjust(part, adjustment, scale))

    def _filtered(self, request: EditRequest, change: Callable[[UnitArray], UnitArray]) -> Edit:
        """Applies a filter to the whole picture, or softly bordered to a part."""
        if request.mask is None:
            return Edit(_with_colors(request.image, change(to_unit(request.image[..., :3]))))
        radius = self.feather_px(request)

        def paint(part: UnitArray, mask: MaskArray) -> UnitArray:
            return mixed(part, change(part), matte(part, mask, radius, request.cancelled))

        return _locally(request, radius, paint)

    # ---- what is behind

    def _background(self, request: EditRequest) -> Edit:
        mask = request.mask
        assert mask is not None
        image = to_unit(request.image)
        alpha = image[..., 3] if image.shape[2] == 4 else None
        if alpha is not None and (alpha < 1).any():  # cut out before: that matte is as good as any
            subject = background.Subject(image[..., :3], alpha, image[..., :3])
        else:
            subject = background.cut_subject(image[..., :3], mask, self.feather_px(request), request.cancelled)
        request.report(Progress("putting the background behind"))
        if request.source is not None:
            picture = background.before_picture(subject, to_unit(request.source))
        elif means_transparent(request.value):
            return Edit(from_unit(background.transparent(subject, alpha), request.image))
        else:
            picture = self._behind(subject, request)
        if alpha is not None:
            picture = np.dstack([picture, np.ones_like(alpha)])
        return Edit(from_unit(picture, request.image))

    def _behind(self, subject: background.Subject, request: EditRequest) -> UnitArray:
        wanted = background.read_background(request.value)
        if wanted is None:
            raise _not_understood(request)
        if isinstance(wanted, background.Fill):
            return background.filled(subject, wanted, request.seed)
        return background.blurred(subject, wanted.radius.of(max(request.image.shape[:2])), request.cancelled)

    # ---- things that go or come

    def _remove(self, request: EditRequest) -> Edit:
        return Edit(from_unit(self._erased(request), request.image))

    def _move(self, request: EditRequest) -> Edit:
        mask = request.mask
        assert mask is not None
        image = to_unit(request.image)
        height, width = mask.shape
        thing = compose.cut_out(image, mask, _reach(request.image, mask, _EDGE, least=2), request.cancelled)
        box = mask_box(mask)
        assert box is not None
        stands = placing.stands(request.placement)
        frame = placing.moved(box, width, height, request.placement, request.anchor, request.place)
        picture, covered = compose.paste(
            self._erased(request),
            thing,
            frame,
            before=self._in_front(request),
            shadow=stands,
        )
        notes: tuple[str, ...] = ()
        if frame.box != box and (box[0] == 0 or box[1] == 0 or box[2] == width or box[3] == height):
            notes = ("It was cut off by the edge of the picture, and its new place shows where.",)
        return Edit(from_unit(picture, request.image), covered, notes)

    def _add(self, request: EditRequest) -> Edit:
        thing, share = self._from_source(request)
        height, width = request.image.shape[:2]
        frame = placing.added(thing.size, share, width, height, request.placement, request.anchor, request.place)
        stands = placing.stands(request.placement) or (request.placement is None and request.place is None)
        picture, covered = compose.paste(
            to_unit(request.image), thing, frame, before=self._in_front(request), shadow=stands
        )
        return Edit(from_unit(picture, request.image), covered)

    def _replace(self, request: EditRequest) -> Edit:
        mask, source, source_mask = request.mask, request.source, request.source_mask
        assert mask is not None
        assert source is not None
        assert source_mask is not None
        if _is_surface(request):
            radius = self.feather_px(request)
            picture = compose.resurfaced(
                to_unit(request.image[..., :3]), mask, to_unit(source[..., :3]), source_mask, radius, request.cancelled
            )
            return Edit(_with_colors(request.image, picture))
        thing, _ = self._from_source(request)
        hole = mask_box(mask)
        assert hole is not None
        picture, covered = compose.paste(self._erased(request), thing, placing.fitted(thing.size, hole))
        return Edit(from_unit(picture, request.image), covered)

    def _erased(self, request: EditRequest) -> UnitArray:
        assert request.mask is not None
        return compose.erased(
            to_unit(request.image),
            request.mask,
            self.feather_px(request),
            seed=request.seed,
            report=request.report,
            cancelled=request.cancelled,
        )

    def _from_source(self, request: EditRequest) -> tuple[compose.Thing, float]:
        """The source's thing, and the share of that picture's height that it takes."""
        source, mask = request.source, request.source_mask
        assert source is not None
        assert mask is not None
        request.report(Progress("cutting out"))
        picture = to_unit(source)
        thing = compose.cut_out(picture, mask, _reach(source, mask, _EDGE, least=2), request.cancelled)
        thing = compose.relit(thing, picture[..., :3], to_unit(request.image[..., :3]))
        return thing, thing.size[1] / mask.shape[0]

    def _in_front(self, request: EditRequest) -> UnitArray | None:
        """What stays before the thing: the one that it goes behind."""
        if not (isinstance(request.placement, Beside) and request.placement.relation == "behind"):
            return None
        anchor = request.anchor
        assert anchor is not None
        radius = _reach(request.image, anchor, _EDGE, least=2)
        part = crop_of(around(anchor, 3 * radius + 4))
        alpha = anchor.astype(np.float32)
        alpha[part] = matte(to_unit(request.image[part][..., :3]), anchor[part], radius, request.cancelled)
        return alpha


def _locally(request: EditRequest, radius: int, paint: Callable[[UnitArray, MaskArray], UnitArray]) -> Edit:
    """Applies ``paint`` to the surroundings of the mask; the rest is not even converted."""
    mask = request.mask
    assert mask is not None
    part = crop_of(around(mask, 3 * radius + 4))
    image = request.image.copy()
    image[part][..., :3] = from_unit(paint(to_unit(request.image[part][..., :3]), mask[part]), request.image)
    return Edit(image)


def _with_colors(image: ImageArray, colors: UnitArray) -> ImageArray:
    """Other colours for a picture, which keeps its alpha."""
    result = image.copy()
    result[..., :3] = from_unit(colors, image)
    return result


def _reach(image: ImageArray, mask: MaskArray | None, share: float, *, least: int) -> int:
    """Pixels around a mask: a share of the picture's larger side, at most a sixth of the thing's."""
    reach: float = share * max(image.shape[:2])
    box = None if mask is None else mask_box(mask)
    if box is not None:
        reach = min(reach, max(box[2] - box[0], box[3] - box[1]) / 6)
    return max(least, round(reach))


def _is_surface(request: EditRequest) -> bool:
    words = bare(request.target).lower().split()
    return request.operation is Operation.REPLACE and bool(words) and words[-1] in _SURFACES


def _not_understood(request: EditRequest) -> CapabilityError:
    return CapabilityError(f"{request.operation.value} {request.value!r} is not understood by the embedded backend")
