"""What a text claims of a scene, and whether the scene agrees.

The reader knows the words of scenes' captions and answers (``train/data/scenes``), however they are put together. It
judges as viewers would (:class:`vitron_agent.train.data.scenes.seen.Seen`): what people might disagree on contradicts
nothing, and neither does what holds of one of several things that a phrase may mean.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from vitron_agent.errors import UsageError
from vitron_agent.grounded import read_grounded
from vitron_agent.train.data.samples import Sample
from vitron_agent.train.data.scenes import Scene, Seen, draw, see
from vitron_agent.train.data.scenes.model import COLORS, GROUNDS, PATTERNS, SHAPES, TINTS
from vitron_agent.train.data.scenes.phrases import NUMBERS, Noun
from vitron_agent.train.data.scenes.questions import CANNOT_TELL
from vitron_agent.train.data.scenes.seen import Judgement
from vitron_agent.train.data.scenes.telling import RELATED, VERBS

_EVENTS = {verb: event for event, verbs in VERBS.items() for verb in verbs}
_WAYS = {f"is {words}": way for way, words in RELATED.items()} | {"passes in front of": "passes"}


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a text says of a scene, and whether that is so; None where viewers might disagree."""

    words: str
    holds: Judgement


@dataclass(frozen=True, slots=True)
class Read:
    """A text as it was read.

    Attributes:
        claims: In the order of the text; none in "I can't tell."
        unread: What the reader knows no meaning of; empty where all was understood.
    """

    claims: tuple[Claim, ...]
    unread: tuple[str, ...]

    @property
    def contradicts(self) -> bool:
        """Whether the text says anything that is not so."""
        return any(claim.holds is False for claim in self.claims)


def read_claims(text: str, scene: Scene) -> Read:
    """Reads a caption or an answer; boxes in it and a leading "Yes" or "No" are passed over."""
    plain = read_grounded(text).text.strip()
    if plain == CANNOT_TELL:
        return Read((), ())
    read = list(_read(re.sub(r"^(?:yes|no), ", "", plain.lower()), see(scene)))
    claims = tuple(item for item in read if isinstance(item, Claim))
    return Read(claims, tuple(item for item in read if isinstance(item, str)))


def scene_of(sample: Sample) -> Scene:
    """The scene that a sample's last medium draws.

    Raises:
        UsageError: It draws none.
    """
    load = sample.media[-1].load
    if isinstance(load, partial) and load.func is draw:
        scene: Scene = load.args[0]
        return scene
    raise UsageError(f"{sample.source}/{sample.id} shows no drawn scene, of which everything would be known")


def _read(text: str, seen: Seen) -> Iterator[Claim | str]:
    """The claims of a text in lower case, and what is none."""
    place = 0
    while place < len(text):
        for form, judge in _FORMS.items():
            if match := form.match(text, place):
                yield Claim(match[0], judge(seen, match))
                end = match.end()
                break
        else:
            following = next((found.start() for found in _NAMED.finditer(text, place + 1)), len(text))
            yield text[place:following].strip()
            end = following
        place = _NEXT.match(text, end).end()  # type: ignore[union-attr]  # it matches anywhere


_Match = re.Match[str]
_OfBody = Callable[[Seen, _Match, int], Judgement]


def _ground(seen: Seen, match: _Match) -> Judgement:
    """``on a smooth beige background``."""
    there = seen.scene.background
    return (there.ground, there.tint) == (match["ground"], match["tint"]) if match["tint"] else there.ground == "photo"


def _count(seen: Seen, match: _Match) -> Judgement:
    """``there are two red balls``: two and no more; ``there is a red ball``: one or more."""
    judged = [_noun(match).fits(body) for body in seen.scene.bodies]
    if match["number"] not in NUMBERS:
        return _at_least(1, judged)
    number = NUMBERS.index(match["number"])
    more = _at_least(number + 1, judged)
    return _both(_at_least(number, judged), None if more is None else not more)


def _named(seen: Seen, match: _Match, holds: _OfBody) -> Judgement:
    """As many things as are named are there, and something holds of them."""
    fits = [_noun(match).fits(body) for body in seen.scene.bodies]
    judged = [_both(fit, holds(seen, match, body)) for body, fit in enumerate(fits)]
    last = match["number"].split()[-1]
    number = NUMBERS.index(last) if last in NUMBERS else 1
    before = last == "another" or bool(match["more"])  # others like them were named
    return _both(_at_least(number, judged), _at_least(number + before, fits))


def _is_there(seen: Seen, match: _Match, body: int) -> Judgement:  # noqa: ARG001
    return True


def _looks(seen: Seen, match: _Match, body: int) -> Judgement:
    return match["look"] in (seen.scene.bodies[body].color, seen.scene.bodies[body].pattern)


def _is(seen: Seen, match: _Match, body: int) -> Judgement:
    return _noun(match, "other_").fits(seen.scene.bodies[body])


def _relates(seen: Seen, match: _Match, body: int) -> Judgement:
    """To any of the things that the other phrase may mean."""
    return _to_other(seen, match, body, lambda other: seen.related(_WAYS[match["way"]], body, other))


def _compares(seen: Seen, match: _Match, body: int) -> Judgement:
    """What grows has no size of its own; two of a size differ too little to tell."""
    bodies = seen.scene.bodies

    def judge(other: int) -> Judgement:
        pair = (bodies[body], bodies[other])
        if pair[0].size == pair[1].size or max(one.growth for one in pair) > 1:
            return None
        return pair[0].size == match["how"]

    return _to_other(seen, match, body, judge)


def _sized(seen: Seen, match: _Match, body: int) -> Judgement:
    """``larger``, of the two that were asked about: so it is a large one."""
    return Noun(size=match["how"]).fits(seen.scene.bodies[body])


def _stays(seen: Seen, match: _Match, body: int) -> Judgement:
    frame = 0 if match["time"] == "beginning" else seen.scene.num_frames - 1
    return (frame in seen.boxes[body]) != bool(match["absent"])


def _does(seen: Seen, match: _Match, body: int) -> Judgement:
    event, said = seen.scene.event(body), _EVENTS[match["verb"]]
    if said == "still" and event in ("grows", "appears", "disappears"):
        return None  # it does stay in its place
    return event == said


def _to_other(seen: Seen, match: _Match, body: int, judge: Callable[[int], Judgement]) -> Judgement:
    """Holds of any other body that the clause's second phrase may mean."""
    noun = _noun(match, "other_")
    others = (other for other in range(len(seen.scene.bodies)) if other != body)
    return _at_least(1, [_both(noun.fits(seen.scene.bodies[other]), judge(other)) for other in others])


def _at_least(number: int, judged: Sequence[Judgement]) -> Judgement:
    if judged.count(True) >= number:
        return True
    return None if len(judged) - judged.count(False) >= number else False


def _both(one: Judgement, other: Judgement) -> Judgement:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _noun(match: _Match, prefix: str = "") -> Noun:
    return Noun(**{field: match[prefix + field] for field in Noun._fields})


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


def _phrase(prefix: str = "") -> str:
    """The pattern of a phrase, whose groups begin with the prefix."""
    facts = {"size": ("small", "large"), "color": COLORS, "pattern": PATTERNS}
    looks = "".join(rf"(?:(?P<{prefix}{name}>{_any(words)}) )?" for name, words in facts.items())
    number = rf"(?:all (?:of )?)?the(?: (?:{_any(NUMBERS[2:])}))?|another|an?|{_any(NUMBERS)}"
    shape = rf"(?:(?P<{prefix}shape>{_any(SHAPES)})|thing)(?:e?s)?"
    return rf"\b(?P<{prefix}number>{number}) {looks}{shape}\b(?P<{prefix}more> more\b)?"


_ONE, _OTHER = _phrase(), _phrase("other_")
_NAMED = re.compile(_ONE)
_NEXT = re.compile(r"(?:[,.]? and |[,.] ?| )?")
_SAID: dict[str, _OfBody] = {
    rf"{_ONE} (?:is|are) {_OTHER}": _is,
    rf"{_ONE} (?P<way>{_any(_WAYS)}) {_OTHER}": _relates,
    rf"{_ONE} is (?P<how>large(?=r)|small(?=er))e?r than {_OTHER}": _compares,
    rf"{_ONE} is (?P<how>large(?=r)|small(?=er))e?r\b": _sized,
    rf"{_ONE} (?:is|are) (?P<look>{_any([*COLORS, *PATTERNS])})\b": _looks,
    rf"{_ONE} is (?P<absent>not )?there at the (?P<time>beginning|end)\b": _stays,
    rf"{_ONE} (?P<verb>{_any(_EVENTS)})\b": _does,
    rf"(?:here (?:is|are) )?{_ONE}": _is_there,
}
_FORMS: dict[re.Pattern[str], Callable[[Seen, _Match], Judgement]] = {
    re.compile(r"on a photo\b|" rf"on an? (?P<ground>{_any(GROUNDS)}) (?P<tint>{_any(TINTS)}) background\b"): _ground,
    re.compile(rf"there (?:is|are) {_ONE}"): _count,
    **{re.compile(form): partial(_named, holds=holds) for form, holds in _SAID.items()},
}
"""Longer forms before the shorter ones that they begin with."""
