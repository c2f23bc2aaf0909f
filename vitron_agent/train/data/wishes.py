"""One wish of a user: a sentence, and the steps that it stands for (docs/invocations.md)."""

from dataclasses import replace
from random import Random

from vitron_agent.messages import Module, Operation
from vitron_agent.train.data.prompts import clip_format, prompt
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.things import fill_nouns, indefinite, thing
from vitron_agent.train.data.wording import Maker, Scene, Step, Wish, amount, color, drawn, in_clip, phrase, subject

_DIRECTIONS = ("left", "right", "up", "down")
_PLACES = ("center", "top left", "top right", "bottom left", "bottom right", "top", "bottom")
_STYLES = (
    "pencil",
    "watercolor",
    "cartoon",
    "oil",
    "monochrome",
    "sepia",
    "emboss",
    "pixelate",
    "vintage",
    "posterize",
    "negative",
)


def _edit(scene: Scene, operation: Operation, **fields: object) -> Step:
    return Step(Module.VIDEO_EDITING if scene.video else Module.IMAGE_EDITING, operation, **fields)  # type: ignore[arg-type]


def remove(rng: Random, scene: Scene) -> Wish:
    """Away with something."""
    if scene.drawn:
        regions, slots = drawn(rng, scene)
        if scene.drawn == 1 and rng.random() < 0.4:
            about = thing(rng, simple=True)
            text = phrase(rng, "remove.region_named", scene, {"t": about.bare, **slots})
            return Wish(text, (_edit(scene, Operation.REMOVE, target=about.bare, regions=regions),))
        return Wish(phrase(rng, "remove.region", scene, slots), (_edit(scene, Operation.REMOVE, regions=regions),))
    about, slots = subject(rng, scene)
    name = (
        "remove.indirect"
        if rng.random() < 0.28 and not scene.short and not scene.pronoun and not scene.marked
        else "remove"
    )
    return Wish(phrase(rng, name, scene, slots), (_edit(scene, Operation.REMOVE, target=about.bare),))


def replace_thing(rng: Random, scene: Scene) -> Wish:
    """One thing in the place of another."""
    new = thing(rng, simple=rng.random() < 0.5)
    slots = {"A": new.indefinite, "a": new.bare, "t2": new.bare}
    if scene.drawn:
        regions, said = drawn(rng, scene)
        text = phrase(rng, "replace.region", scene, slots | said)
        return Wish(text, (_edit(scene, Operation.REPLACE, value=new.bare, regions=regions),), new)
    about, said = subject(rng, scene)
    if scene.other:
        text = phrase(rng, "replace.source", scene, slots | said | {"O": scene.other[1]})
        step = _edit(scene, Operation.REPLACE, target=about.bare, value=new.bare, source=scene.other[0])
        return Wish(text, (step,), new)
    name = (
        "replace.indirect"
        if rng.random() < 0.15 and not scene.short and not scene.pronoun and not scene.marked
        else "replace"
    )
    text = phrase(rng, name, scene, slots | said)
    return Wish(text, (_edit(scene, Operation.REPLACE, target=about.bare, value=new.bare),), new)


def add(rng: Random, scene: Scene) -> Wish:
    """Something new in the picture."""
    new = thing(rng, simple=rng.random() < 0.6)
    where = fill_nouns(rng.choice(sections("lexicon")["place"]), rng)
    slots = {"A": new.indefinite, "a": new.bare, "t": new.bare, "T": new.definite, "W": where}
    if scene.drawn and scene.other:
        place = {"O": scene.other[1], "W": rng.choice(sections("lexicon")["deictic_place"])}
        text = phrase(rng, "add.source", scene, slots | place)
        step = _edit(scene, Operation.ADD, target=new.bare, source=scene.other[0], regions=(1,))
        return Wish(text if place["W"] in text else f"{text} {place['W']}", (step,), new)
    if scene.drawn:
        regions, said = drawn(rng, scene)
        text = phrase(rng, "add.region", scene, slots | said)
        return Wish(text, (_edit(scene, Operation.ADD, target=new.bare, regions=regions),), new)
    if scene.other:
        text = phrase(rng, "add.source", scene, slots | {"O": scene.other[1]})
        step = _edit(scene, Operation.ADD, target=new.bare, value=where if where in text else "", source=scene.other[0])
        return Wish(text, (step,), new)
    if rng.random() < 0.3:
        text = phrase(rng, "add.nowhere", scene, slots)
        return Wish(text, (_edit(scene, Operation.ADD, target=new.bare),), new)
    text = phrase(rng, "add", scene, slots)
    return Wish(text, (_edit(scene, Operation.ADD, target=new.bare, value=where),), new)


def move(rng: Random, scene: Scene) -> Wish:
    """Something goes elsewhere."""
    about, slots = subject(rng, scene)
    if rng.random() < 0.35:
        if rng.random() < 0.5:
            value = rng.choice(_PLACES)
            where = rng.choice(sections("lexicon")[f"spot.{value}"])
        else:
            value = where = fill_nouns(rng.choice(sections("lexicon")["place"][:11]), rng)
        text = phrase(rng, "move.place", scene, slots | {"W": where})
        return Wish(text, (_edit(scene, Operation.MOVE, target=about.bare, value=value),), about)
    value = rng.choice(_DIRECTIONS)
    direction = rng.choice(sections("lexicon")[f"way.{value}"])
    if rng.random() < 0.3:
        said, written = amount(rng) if rng.random() < 0.6 else _pixels(rng)
        plain = {"left": "to the left", "right": "to the right"}.get(value, value)
        direction = rng.choice((f"{said} {plain}", f"{plain} by {said}"))
        value = f"{value} {written}"
    text = phrase(rng, "move", scene, slots | {"D": direction})
    return Wish(text, (_edit(scene, Operation.MOVE, target=about.bare, value=value),), about)


def _pixels(rng: Random) -> tuple[str, str]:
    number = rng.choice([20, 40, 50, 80, 100, 120, 150, 200, 300])
    return rng.choice((f"{number}px", f"{number} pixels", f"{number} px")), f"{number}px"


def recolor(rng: Random, scene: Scene) -> Wish:
    """Another colour."""
    value = color(rng)
    if scene.drawn:
        regions, slots = drawn(rng, scene)
        text = phrase(rng, "recolor.region", scene, slots | {"C": value})
        return Wish(text, (_edit(scene, Operation.RECOLOR, value=value, regions=regions),))
    about, slots = subject(rng, scene)
    name = (
        "recolor.indirect"
        if rng.random() < 0.12 and not scene.short and not scene.pronoun and not scene.marked
        else "recolor"
    )
    text = phrase(rng, name, scene, slots | {"C": value})
    return Wish(text, (_edit(scene, Operation.RECOLOR, target=about.bare, value=value),), about)


def background(rng: Random, scene: Scene) -> Wish:
    """What lies behind."""
    words = sections("lexicon")
    if scene.other and rng.random() < 0.8:
        text = phrase(rng, "background.source", scene, {"O": scene.other[1]})
        return Wish(text, (_edit(scene, Operation.BACKGROUND, source=scene.other[0]),))
    about, slots = subject(rng, replace(scene, drawn=0))
    roll = rng.choice((0.3, 0.7, 0.95)) if scene.marked else rng.random()
    if roll < 0.26:
        return Wish(phrase(rng, "background.blur", scene, {}), (_edit(scene, Operation.BACKGROUND, value="blur"),))
    if roll < 0.40:
        step = _edit(scene, Operation.BACKGROUND, target=about.bare, value="blur")
        return Wish(phrase(rng, "background.blur_subject", scene, slots), (step,), about)
    if roll < 0.56:
        value = rng.choice(words["gradient"]) if rng.random() < 0.1 else color(rng)
        named = f"a {value}" if value in words["gradient"] else value
        text = phrase(rng, "background.color", scene, {"C": named})
        return Wish(text, (_edit(scene, Operation.BACKGROUND, value=value),))
    if roll < 0.80:
        value = rng.choice(words["scene"])
        named = f"the {value}" if value in ("taj mahal", "eiffel tower", "grand canyon") else indefinite(value)
        said = {"S": named, "s": value}
        if rng.random() < 0.25 or scene.marked:
            text = phrase(rng, "background.scene_subject", scene, slots | said)
            return Wish(text, (_edit(scene, Operation.BACKGROUND, target=about.bare, value=value),), about)
        return Wish(phrase(rng, "background.scene", scene, said), (_edit(scene, Operation.BACKGROUND, value=value),))
    if roll < 0.91:
        return Wish(phrase(rng, "background.remove", scene, {}), (_edit(scene, Operation.BACKGROUND, value="remove"),))
    step = _edit(scene, Operation.BACKGROUND, target=about.bare, value="remove")
    return Wish(phrase(rng, "background.remove_subject", scene, slots), (step,), about)


def style(rng: Random, scene: Scene) -> Wish:
    """Another look."""
    value = rng.choice([*_STYLES, "monochrome", "monochrome", "sepia"])
    roll = rng.random()
    if roll < 0.16 or scene.pronoun or scene.marked:
        about, slots = subject(rng, scene)
        text = phrase(rng, "style.partial", scene, slots | {"Y": rng.choice(sections("lexicon")[f"look.{value}"])})
        return Wish(text, (_edit(scene, Operation.STYLE, target=about.bare, value=value),), about)
    if roll < 0.28:
        free = rng.choice(sections("lexicon")["free_style"])
        return Wish(phrase(rng, "style.free", scene, {"F": free}), (_edit(scene, Operation.STYLE, value=free),))
    return Wish(phrase(rng, f"style.{value}", scene, {}), (_edit(scene, Operation.STYLE, value=value),))


def adjust(rng: Random, scene: Scene) -> Wish:
    """Brightness and its relatives."""
    weighted = ("brightness", "brightness", "contrast", "saturation", "warmth", "sharpness")
    name = f"{rng.choice(weighted)}.{rng.choice(('more', 'less'))}"
    value = name.replace(".", " ")
    if rng.random() < 0.2 or scene.pronoun or scene.marked:
        about, slots = subject(rng, scene)
        text = phrase(rng, f"adjust.partial.{name}", scene, slots)
        return Wish(text, (_edit(scene, Operation.ADJUST, target=about.bare, value=value),), about)
    if rng.random() < 0.2:
        said, written = amount(rng)
        text = phrase(rng, f"adjust.{name}.amount", scene, {"N": said})
        return Wish(text, (_edit(scene, Operation.ADJUST, value=f"{value} {written}"),))
    return Wish(phrase(rng, f"adjust.{name}", scene, {}), (_edit(scene, Operation.ADJUST, value=value),))


_EDITS: tuple[tuple[int, Maker], ...] = (
    (22, remove),
    (12, replace_thing),
    (15, add),
    (8, move),
    (16, recolor),
    (16, background),
    (14, style),
    (12, adjust),
)
_REGION_EDITS: tuple[tuple[int, Maker], ...] = ((10, remove), (4, replace_thing), (4, add), (6, recolor))
_SOURCE_EDITS: tuple[tuple[int, Maker], ...] = ((4, replace_thing), (8, add), (5, background))
_PRONOUN_EDITS: tuple[tuple[int, Maker], ...] = (
    (8, remove),
    (5, replace_thing),
    (3, move),
    (9, recolor),
    (2, style),
    (3, adjust),
)
_MARKED_EDITS: tuple[tuple[int, Maker], ...] = (*_PRONOUN_EDITS, (5, background))


def _pick(rng: Random, table: tuple[tuple[int, Maker], ...]) -> Maker:
    return rng.choices([maker for _, maker in table], [weight for weight, _ in table])[0]


def edit(rng: Random, scene: Scene) -> Wish:
    """Any edit that fits the scene, of a picture or a clip."""
    if scene.drawn == 1 and not scene.other and rng.random() < 0.4:
        return marked(rng, scene, edit)
    if scene.marked:
        table = _MARKED_EDITS
    elif scene.pronoun:
        table = _PRONOUN_EDITS
    elif scene.drawn:
        table = _REGION_EDITS
    elif scene.other:
        table = _SOURCE_EDITS
    else:
        table = _EDITS
    wish = _pick(rng, table)(rng, scene)
    return replace(wish, text=in_clip(rng, scene, wish.text))


def marked(rng: Random, scene: Scene, maker: Maker) -> Wish:
    """A wish about "the dog I circled"."""
    wish = maker(rng, replace(scene, drawn=0, marked=True))
    return replace(wish, steps=tuple(replace(step, regions=(1,)) for step in wish.steps))


def segment(rng: Random, scene: Scene) -> Wish:
    """A mask of a picture, or a track through a clip."""
    if scene.video:
        return track(rng, scene)
    module, operation = Module.IMAGE_SEGMENTATION, Operation.SEGMENT
    if scene.drawn:
        regions, slots = drawn(rng, scene)
        if scene.other:
            slots |= {"O": scene.other[1]}
        if rng.random() < 0.4 and scene.drawn == 1:
            about = thing(rng, simple=True)
            text = phrase(rng, "segment.region_named", scene, slots | {"t": about.bare})
            return Wish(text, (Step(module, operation, about.bare, regions=regions),), about)
        return Wish(phrase(rng, "segment.region", scene, slots), (Step(module, operation, regions=regions),))
    about, slots = subject(rng, scene)
    if scene.other:
        text = phrase(rng, "segment.reference", scene, slots | {"O": scene.other[1]})
        target = about.bare if about.bare in text else ""
        return Wish(text, (Step(module, operation, target, reference=scene.other[0]),), about)
    roll = rng.random()
    if roll < 0.12 and not scene.short:
        return Wish(phrase(rng, "segment.everything", scene, {}), (Step(module, operation, "everything"),))
    if roll < 0.28:
        text = phrase(rng, "segment.soft", scene, slots)
        return Wish(text, (Step(module, operation, about.bare, "soft"),), about)
    return Wish(phrase(rng, "segment", scene, slots), (Step(module, operation, about.bare),), about)


def detect(rng: Random, scene: Scene) -> Wish:
    """Where something is."""
    about, slots = subject(rng, scene)
    text = phrase(rng, "detect", scene, slots)
    target = about.bare
    if slots["ts"] in text and about.definite not in text:
        target = slots["ts"]
    return Wish(text, (Step(Module.IMAGE_GROUNDING, Operation.DETECT, target),), about)


def track(rng: Random, scene: Scene) -> Wish:
    """Something followed through a clip."""
    module, operation = Module.VIDEO_SEGMENTATION, Operation.TRACK
    if scene.drawn:
        regions, slots = drawn(rng, scene)
        about = thing(rng, simple=True)
        if rng.random() < 0.35 and scene.drawn == 1:
            said = rng.choice(
                ("the {} I circled", "this {}", "the {} I marked", "the {} in my box", "the {} I clicked on")
            )
            text = phrase(rng, "track", scene, {"T": said.format(about.bare), "t": about.bare, "ts": about.bare})
            return Wish(text, (Step(module, operation, about.bare, regions=regions),), about)
        return Wish(phrase(rng, "track.region", scene, slots), (Step(module, operation, regions=regions),))
    about, slots = subject(rng, scene)
    if rng.random() < 0.2:
        text = in_clip(rng, scene, phrase(rng, "detect", scene, slots))
        target = slots["ts"] if slots["ts"] in text and about.definite not in text else about.bare
        return Wish(text, (Step(module, operation, target),), about)
    return Wish(phrase(rng, "track", scene, slots), (Step(module, operation, about.bare),), about)


def animate(rng: Random, scene: Scene) -> Wish:
    """A still set in motion."""
    module, operation = Module.IMAGE_TO_VIDEO, Operation.ANIMATE
    said, written = clip_format(rng)
    roll = rng.random()
    words = sections("lexicon")
    if roll < 0.35:
        camera = rng.choice(words["camera"])
        return Wish(
            phrase(rng, "animate.camera", scene, {"Z": camera}) + said,
            (Step(module, operation, "", camera.replace(" to the", "").replace("slow ", "") + written),),
        )
    if roll < 0.75:
        about, slots = subject(rng, scene)
        motion = rng.choice(words["motion"])
        text = phrase(rng, "animate.object", scene, slots | {"M2": motion}) + said
        return Wish(text, (Step(module, operation, about.bare, motion + written),), about)
    text = phrase(rng, "animate.plain", scene, {}) + said
    return Wish(text, (Step(module, operation, "", written.removeprefix("; ")),))


def draw(rng: Random, scene: Scene) -> Wish:
    """A picture that does not exist yet."""
    wanted = prompt(rng)
    name = "image_generate.no_picture" if scene.empty and rng.random() < 0.12 else "image_generate"
    text = phrase(rng, name, scene, {"P": wanted})
    return Wish(text, (Step(Module.IMAGE_GENERATION, Operation.GENERATE, "", wanted),))


def film(rng: Random, scene: Scene) -> Wish:
    """A clip that does not exist yet."""
    wanted = prompt(rng)
    said, written = clip_format(rng)
    text = phrase(rng, "generate", scene, {"P": wanted}) + said
    return Wish(text, (Step(Module.VIDEO_GENERATION, Operation.GENERATE, "", wanted + written),))
