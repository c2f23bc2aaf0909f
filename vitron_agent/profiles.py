"""Profiles: which planner, and which expert for each module.

Installed packages add profiles through entry points of the group ``vitron_agent.experts``. The entry's name is the
profile's; its object is a function from :class:`Settings` to experts::

    [project.entry-points."vitron_agent.experts"]
    mine = "my_package.experts:make_experts"

``VitronAgent(profile="mine")`` then uses those experts, and the embedded ones for the modules that they leave out.
"""

import threading
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from vitron_agent.config import Settings
from vitron_agent.errors import ConfigError
from vitron_agent.messages import OPERATIONS, Module
from vitron_agent.planners.base import Planner
from vitron_agent.tools.base import Expert

if TYPE_CHECKING:
    from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
    from vitron_agent.tools.words import Picture

GROUP = "vitron_agent.experts"
EMBEDDED, HUB = "embedded", "hub"
_EMBEDDED_MODULES = frozenset({Module.IMAGE_GROUNDING, Module.IMAGE_SEGMENTATION, Module.IMAGE_EDITING})


@runtime_checkable
class Answers(Protocol):
    """Answers questions about pictures in words, as :class:`vitron_agent.tools.words.Words` does."""

    def answer(self, text: str, picture: "Picture") -> str | None:
        """A sentence or two; None where the words ask nothing about a picture. Blocking."""


@dataclass(frozen=True)
class Profile:
    """A choice of planner and experts.

    Attributes:
        name: What it is called in messages.
        experts: By module.
        planner: Makes the profile's planner; called once, when no other planner was given.
        words: Makes what answers questions about pictures; None = the planner's own words are the answer.
    """

    name: str
    experts: Mapping[Module, Expert]
    planner: Callable[[], Planner]
    words: Callable[[], Answers] | None = None


def load_profile(settings: Settings) -> Profile:
    """The profile that the settings name; cheap, weights load at first use.

    Raises:
        ConfigError: There is no such profile, or what its package gives is no expert.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    name = settings.profile
    if name != EMBEDDED and name not in found:
        known = ", ".join(sorted({EMBEDDED, *found}))
        missing = "; the full-size models are not part of this release" if name == HUB else ""
        raise ConfigError(f"there is no profile {name!r}{missing}; installed are: {known}")
    embedded = _Embedded(settings)
    experts: Mapping[Module, Expert] = OnDemand(_EMBEDDED_MODULES, lambda: by_module(embedded.experts()))
    if name != EMBEDDED:
        experts = ChainMap(by_module(_provided(found[name], settings)), cast("dict[Module, Expert]", experts))
    return Profile(name, experts, lambda: _vitron_planner(settings), embedded.words)


class OnDemand(Mapping[Module, Expert]):
    """Experts that are made when the first of them is asked for: importing theirs takes seconds.

    Args:
        modules: For which there will be one.
        make: Makes them all.
    """

    def __init__(self, modules: frozenset[Module], make: Callable[[], Mapping[Module, Expert]]) -> None:
        self._modules = modules
        self._make = make
        self._made: Mapping[Module, Expert] | None = None
        self._lock = threading.Lock()

    def __getitem__(self, module: Module) -> Expert:
        if module not in self._modules:
            raise KeyError(module)
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made[module]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def by_module(experts: Iterable[Expert]) -> dict[Module, Expert]:
    """Experts by the module that they are for.

    Raises:
        ConfigError: Two are for one module, or one is none; says what is missing.
    """
    found: dict[Module, Expert] = {}
    for expert in experts:
        if not isinstance(expert, Expert):
            raise ConfigError(
                f"{expert!r} is no expert: it needs module, backend and run (see vitron_agent.tools.base)"
            )
        if expert.module not in OPERATIONS or expert.module is Module.CONVERSATION:
            raise ConfigError(f"{expert!r} is for {expert.module!r}, which is no module of experts")
        if expert.module in found:
            raise ConfigError(f"two experts are for {expert.module.value}: {found[expert.module]!r} and {expert!r}")
        found[expert.module] = expert
    return found


def _provided(entry: EntryPoint, settings: Settings) -> Iterable[Expert]:
    try:
        make = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"profile {entry.name!r} cannot be loaded from {entry.value}: {error}") from error
    experts: Iterable[Expert] = make(settings)
    return experts


class _Embedded:
    """The embedded backends, which share one look at each picture. Imports are slow, so nothing is made early."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made: EmbeddedGrounding | None = None

    @property
    def _grounding(self) -> "EmbeddedGrounding":
        with self._lock:
            if self._made is None:
                self._made = self._make_grounding()
            return self._made

    def _make_grounding(self) -> "EmbeddedGrounding":
        from vitron_agent.model.encoders.dense import DenseEncoder
        from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
        from vitron_agent.tools.backends.embedded.vision import Vision

        return EmbeddedGrounding(Vision(DenseEncoder(self._settings.cache)))

    def experts(self) -> Iterable[Expert]:
        from vitron_agent.tools.backends.embedded.editing.backend import EmbeddedEditing
        from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
        from vitron_agent.tools.image_editing import ImageEditingExpert
        from vitron_agent.tools.image_grounding import ImageGroundingExpert
        from vitron_agent.tools.image_segmentation import ImageSegmentationExpert

        segmentation = EmbeddedSegmentation(self._grounding)
        return (
            ImageGroundingExpert(self._grounding),
            ImageSegmentationExpert(segmentation),
            ImageEditingExpert(EmbeddedEditing(), segmentation),
        )

    def words(self) -> Answers:
        from vitron_agent.tools.backends.embedded.sight import EmbeddedSight
        from vitron_agent.tools.words import Words

        return Words(EmbeddedSight(self._grounding))


def _vitron_planner(settings: Settings) -> Planner:
    from vitron_agent.planners.vitron import VitronPlanner

    return VitronPlanner(settings)
