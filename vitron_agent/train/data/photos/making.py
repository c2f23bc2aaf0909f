"""Samples of every task from photos and from cut-outs pasted on them, each made when it is asked for."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from random import Random

from vitron_agent.errors import UsageError
from vitron_agent.messages import Region
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.drawings import drawn
from vitron_agent.train.data.photos.cutouts import Cutout, Cutouts
from vitron_agent.train.data.photos.folder import Photo
from vitron_agent.train.data.photos.kinds import Kind, Kinds, Sort
from vitron_agent.train.data.photos.paste import Scene, compose, look, paint
from vitron_agent.train.data.photos.phrases import Phrases, Way
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.photos.telling import Named, Teller, capital
from vitron_agent.train.data.photos.wording import indefinite
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.samples import Medium, Sample, Task, Thing, Turn

TASKS = (Task.CAPTION, Task.REGION_CAPTION, Task.GROUNDED_CAPTION, Task.REFERRING, Task.QUESTION, Task.EDIT)
"""What pasted scenes can teach."""
_TRIES = 40
"""Scenes that are tried before there is nothing to ask."""
_MOST_THINGS = 4
_ALIKE = 0.6
"""This share of the scenes shows several things of one family."""
_ABSENT = 0.1
"""This share of what is looked for is not there."""

BACKGROUNDS = {
    Part.TRAIN: {Part.TRAIN},
    Part.VAL: {Part.VAL},
    Part.TEST_SEEN: {Part.VAL, Part.TEST_SEEN},
    Part.TEST_NEW: {Part.VAL, Part.TEST_SEEN, Part.TEST_NEW},
}
"""Whose photos things are pasted on: none that was learned from, and none of a held-out word where that may be learned;
with those of its own part alone a test would have few."""

_DESCRIBE = ("Describe the picture.", "What can you see here?", "What is in the image?", "Tell me what this shows.")
_DESCRIBE_REGION = ("What is in region-1?", "What did I mark?", "Describe region-1.", "What is this?")
_GROUND = (
    "Describe the picture and say where everything is.", "What is in the image, and where?",
    "Name everything you see, with boxes.",
)  # fmt: skip
_FIND = ("Where is {it}?", "Find {it}.", "Show me {it}.", "Point out {it}.", "Locate {it}, please.")
_FIND_ALL = ("Where are {it}?", "Find {it}.", "Show me {it}.", "Locate {it}, please.")
_REMOVE = ("Remove {it}.", "Take {it} out.", "Get rid of {it}.", "Delete {it}, please.", "Erase {it}.")
_MARK = ("Segment region-1.", "Cut out what I marked.", "Select this.", "Find all of region-1.")


def photo_samples(photos: Sequence[Photo], cutouts: Cutouts, part: Part, seed: int = 0) -> Iterator[Sample]:
    """Captions of the photos of a part; where a thing was cut out, phrases for it by name, family and description.

    Args:
        photos: Of any parts.
        cutouts: Of these photos.
        part: Which are wanted.
        seed: Of the choice of words.
    """
    cut = {one.name: one for one in cutouts.read() if one.flaw is None}
    for photo in photos:
        if photo.part is not part:
            continue
        rng = Random(f"{seed}/{photo.name}")  # noqa: S311
        nouns = [word for word in photo.kind.words if word.sort is not Sort.DESCRIPTION]
        medium = Medium("image", str(photo.path), partial(read_picture, photo.path))
        if nouns:
            reply = f"{capital(indefinite(nouns[0].text if rng.random() < 0.5 else rng.choice(nouns).text))}."
            yield Sample(Task.CAPTION, photo.name, "photos", (medium,), (Turn(rng.choice(_DESCRIBE), reply),))
        if photo.name not in cut:
            continue
        mask = cutouts.mask(cut[photo.name])
        for sort in Sort:
            if words := [word for word in photo.kind.words if word.sort is sort]:
                it = rng.choice(words).definite
                turn = Turn(rng.choice(_FIND).format(it=it), f"Here is {it}.")
                thing = Thing(it, {0: tight_box(mask)}, {0: mask})
                yield Sample(Task.REFERRING, f"{photo.name}-{sort}", "photos", (medium,), (turn,), things=(thing,))


class Pasted:
    """Samples of pasted scenes of one part; any can be had by its index.

    Args:
        photos: Of any parts; those of the part (a test's: of validation too) that show places are the backgrounds;
            all are if none does.
        kinds: What cut-outs are called.
        cutouts: Of any parts; those of the part are pasted.
        part: Which is wanted.
        seed: The same seed gives the same samples, byte for byte.
        ways: In which ways things are referred to; fewer than all leave out what is drawn on and what isn't there.

    Raises:
        UsageError: The part has no photos or no cut-outs.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        kinds: Kinds,
        cutouts: Cutouts,
        part: Part,
        seed: int = 0,
        *,
        ways: Collection[Way] = frozenset(Way),
    ) -> None:
        self._cutouts, self._name, self._ways = cutouts, f"{part}-{seed}", frozenset(ways)
        self._photos = [photo for photo in photos if photo.part in BACKGROUNDS[part]]
        # A thing in the background that nobody speaks of makes captions and counts wrong.
        self._backgrounds = [photo for photo in self._photos if photo.kind.is_scenery] or self._photos
        usable = cutouts.usable(part)
        self._unnamed = [one for one in usable if not one.wordnet_id]
        kind_of = ((one, kinds.kind(one.wordnet_id)) for one in usable)
        self._named = [(one, kind) for one, kind in kind_of if kind is not None and kind.words]
        if not self._backgrounds or not self._named:
            raise UsageError(f"no photos to paste on, or nothing to paste that has a name, for {part}")
        families: dict[str, list[tuple[Cutout, Kind]]] = {}
        for one, kind in self._named:
            for wordnet_id in {word.means for word in kind.families}:
                families.setdefault(wordnet_id, []).append((one, kind))
        self._families = [families[one] for one in sorted(families) if len(families[one]) > 1]
        self._last: tuple[str, _Told | None] = ("", None)

    def samples(self, tasks: Sequence[Task], count: int, *, start: int = 0) -> Iterator[Sample]:
        """The samples ``start`` to ``start + count``; consecutive ones of all tasks share a scene."""
        for index in range(start, start + count):
            yield self.sample(tasks, index)

    def sample(self, tasks: Sequence[Task], index: int) -> Sample:
        """One of :meth:`samples`.

        Raises:
            UsageError: A task isn't one of :data:`TASKS`, or nothing can be asked with these cut-outs.
        """
        if not tasks or not set(tasks) <= set(TASKS):
            raise UsageError(f"pasted photos teach one or more of {', '.join(TASKS)}; got {', '.join(tasks) or 'none'}")
        number, place = divmod(index, len(tasks))
        for turn in range(_TRIES):
            name = f"{self._name}-{number}.{turn}"
            told = self._told(name)
            rng = Random(f"{name}/{place}")  # noqa: S311
            if told is not None and (made := _MAKERS[tasks[place]](told, rng, f"{name}-{place}")) is not None:
                return made
        raise UsageError(f"nothing to ask for {tasks[place]} with the cut-outs of {self._name}; cut out more photos")

    def unnamed(self, index: int) -> Sample:
        """Things that nobody named, pasted; one is to be segmented from what is drawn on it.

        Raises:
            UsageError: No human segments were cut out.
        """
        if not self._unnamed:
            raise UsageError("no human segments were cut out: python -m vitron_agent.train.data.photos --segments ...")
        for turn in range(_TRIES):
            name = f"{self._name}-unnamed-{index}.{turn}"
            rng = Random(name)  # noqa: S311
            chosen = [rng.choice(self._unnamed) for _ in range(rng.randint(1, _MOST_THINGS))]
            scene = compose(rng, rng.choice(self._photos), chosen, self._cutouts)
            if scene.placements:
                return _marked(_Shown(scene, self._cutouts), rng, name)
        raise UsageError("the human segments find no place on the photos, which are too small")

    def _told(self, name: str) -> "_Told | None":
        """A scene by its name; None if nothing found a place."""
        if self._last[0] != name:
            rng = Random(name)  # noqa: S311
            background = rng.choice(self._backgrounds)
            chosen = [pair for pair in self._choose(rng) if pair[1].wordnet_id != background.kind.wordnet_id]
            scene = compose(rng, background, [one for one, _ in chosen], self._cutouts)
            kinds = dict(chosen)
            placed = [kinds[one.cutout] for one in scene.placements]
            others = [kind for _, kind in self._named]
            self._last = (name, _Told(scene, self._cutouts, placed, others, self._ways) if placed else None)
        return self._last[1]

    def _choose(self, rng: Random) -> list[tuple[Cutout, Kind]]:
        """What is pasted: often several of a family, at times twice the same; the order is that of depth."""
        number = rng.randint(1, _MOST_THINGS)
        alike = []
        if number > 1 and self._families and rng.random() < _ALIKE:
            family = rng.choice(self._families)
            alike = [rng.choice(family) for _ in range(rng.randint(2, number))]
        chosen = alike + [rng.choice(self._named) for _ in range(number - len(alike))]
        rng.shuffle(chosen)
        return chosen


class _Shown:
    """A scene as media and things of samples."""

    def __init__(self, scene: Scene, cutouts: Cutouts) -> None:
        self.seen = look(scene, cutouts)
        self._scene, self._cutouts = scene, cutouts
        # By what is in it: with other cut-outs the same seed gives other pixels.
        self._name = hashlib.sha256(repr((cutouts.folder, scene)).encode()).hexdigest()[:32]

    def medium(self, without: int | None = None) -> Medium:
        """The picture, painted when it is loaded."""
        name = f"pasted/{self._name}" + ("" if without is None else f"/without-{without}")
        return Medium("image", name, partial(paint, self._scene, self._cutouts, without=without))

    def sample(
        self, task: Task, name: str, turn: Turn, named: Sequence[Named] = (), regions: tuple[Region, ...] = ()
    ) -> Sample:
        """A sample of this picture."""
        return Sample(task, name, "pasted", (self.medium(),), (turn,), regions, self.things(named))

    def things(self, named: Sequence[Named]) -> tuple[Thing, ...]:
        """What a reply names."""
        return tuple(
            Thing(one.words, {0: self.seen[thing].box}, {0: self.seen[thing].mask})
            for one in named
            for thing in one.things
        )


class _Told(_Shown):
    """A scene of which everything has a name."""

    def __init__(
        self,
        scene: Scene,
        cutouts: Cutouts,
        kinds: Sequence[Kind],
        others: Sequence[Kind],
        ways: frozenset[Way],
    ) -> None:
        super().__init__(scene, cutouts)
        self.ways = ways
        self.phrases = Phrases(kinds, self.seen, scene.background.kind)
        self.teller = Teller(self.phrases, scene.background.kind, others)


def _caption(told: _Told, rng: Random, name: str) -> Sample | None:
    reply, named = told.teller.caption(rng)
    turn = Turn(rng.choice(_DESCRIBE), f"{reply}{told.teller.behind()}.")
    return told.sample(Task.CAPTION, name, turn) if named else None


def _grounded_caption(told: _Told, rng: Random, name: str) -> Sample | None:
    reply, named = told.teller.caption(rng)
    return told.sample(Task.GROUNDED_CAPTION, name, Turn(rng.choice(_GROUND), f"{reply}."), named) if named else None


def _region_caption(told: _Told, rng: Random, name: str) -> Sample | None:
    thing = rng.randrange(len(told.seen))
    words = told.phrases.nouns(thing)
    if not words:
        return None
    region = drawn(told.seen[thing].mask, rng, "image-1")
    said = capital(indefinite(words[0].text))
    turn = Turn(rng.choice(_DESCRIBE_REGION), f"{said}.")
    return told.sample(Task.REGION_CAPTION, f"{name}-{region.kind}", turn, (Named(said, (thing,)),), (region,))


def _referring(told: _Told, rng: Random, name: str) -> Sample | None:
    """Each way of saying it is as likely as the others; at times it is not there, or drawn on."""
    roll = rng.random() if len(told.ways) == len(Way) else 1.0
    if roll < _ABSENT:
        absent = told.teller.absent(rng)
        if absent is None:
            return None
        turn = Turn(rng.choice(_FIND).format(it=absent.definite), f"There is no {absent.text}.")
        return told.sample(Task.REFERRING, f"{name}-absent", turn)
    if roll < 2 * _ABSENT:
        return _marked(told, rng, name)
    by_way = {way: phrases for way, phrases in told.phrases.all().items() if way in told.ways}
    if not by_way:
        return None
    phrase = rng.choice(by_way[rng.choice(list(by_way))])
    several = phrase.way is Way.SEVERAL
    user = rng.choice(_FIND_ALL if several else _FIND).format(it=phrase.text)
    turn = Turn(user, f"Here {'are' if several else 'is'} {phrase.text}.")
    return told.sample(Task.REFERRING, f"{name}-{phrase.way}", turn, (Named(phrase.text, phrase.things),))


def _marked(shown: _Shown, rng: Random, name: str) -> Sample:
    thing = rng.randrange(len(shown.seen))
    region = drawn(shown.seen[thing].mask, rng, "image-1")
    turn = Turn(rng.choice(_MARK), "Here is region-1.")
    return shown.sample(Task.REFERRING, f"{name}-{region.kind}", turn, (Named("region-1", (thing,)),), (region,))


def _question(told: _Told, rng: Random, name: str) -> Sample | None:
    asked = told.teller.question(rng)
    if asked is None:
        return None
    return told.sample(Task.QUESTION, f"{name}-{asked.sort}", Turn(asked.user, asked.reply), asked.named)


def _edit(told: _Told, rng: Random, name: str) -> Sample | None:
    """The thing is there, and then it was never there: what it hid is what truly is behind it."""
    single = [phrase for phrases in told.phrases.all().values() for phrase in phrases if len(phrase.things) == 1]
    if not single:
        return None
    phrase = rng.choice(single)
    named = Named(capital(phrase.text), phrase.things)
    turn = Turn(rng.choice(_REMOVE).format(it=phrase.text), f"{named.words} is gone.")
    media = (told.medium(), told.medium(without=phrase.things[0]))
    return Sample(Task.EDIT, f"{name}-remove", "pasted", media, (turn,), things=told.things([named]))


_MAKERS: Mapping[Task, Callable[[_Told, Random, str], Sample | None]] = {
    Task.CAPTION: _caption,
    Task.REGION_CAPTION: _region_caption,
    Task.GROUNDED_CAPTION: _grounded_caption,
    Task.REFERRING: _referring,
    Task.QUESTION: _question,
    Task.EDIT: _edit,
}
