"""Random models write nonsense, but only nonsense that can be read and names what exists."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from llguidance import LLMatcher

from tests import tiny
from vitron_agent.errors import WireSyntaxError
from vitron_agent.messages import Region, output_kind
from vitron_agent.model import decoding
from vitron_agent.model.decoding import PlanDecoder
from vitron_agent.model.grammar import Grammar, Scene
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.signals import SignalHeads
from vitron_agent.wire import complete, read_plan, write_plan

TOKENIZER = tiny.tokenizer()
GRAMMAR = Grammar(TOKENIZER)
ONE_IMAGE = Scene((("image-1", "image"),), {"image": 2})
BUSY = Scene(
    (("image-1", "image"), ("image-2", "image"), ("mask-3", "mask"), ("video-1", "video")),
    {"image": 3, "mask": 4, "video": 2},
    (Region.box(0.1, 0.1, 0.5, 0.5), Region.points([(0.5, 0.5)], source="image-2")),
)


def accepts(scene: Scene, text: str, first: bool = True) -> bool:
    matcher = LLMatcher(GRAMMAR.vocabulary, GRAMMAR.block(scene, first=first))
    assert not matcher.get_error()
    tokens = TOKENIZER.encode_wire(text)
    return matcher.validate_tokens(tokens) == len(tokens) and matcher.consume_tokens(tokens) and matcher.is_accepting()


def block(module: str, instruction: str, rest: str = "<Input>image-1</Input>") -> str:
    return f"<Module>{module}</Module><Instruction>{instruction}</Instruction>{rest}"


@pytest.mark.parametrize(
    "text",
    [
        "Hello! A <b>question</b>: 3 => 4?\nYes.",
        block("Image Editing", "remove: red cat"),
        block("Image Editing", r"replace: clock at 10\:30 => a \=> b \< c \\ d"),
        block("Image Editing", "adjust => brightness more 30%"),
        block("Image Segmentation", "segment: dog => soft"),
        block("Image Generation", "generate => a boat, at night; by a lake", ""),
        block("Conversation", "undo => 2", ""),
        block("Conversation", "select"),
        block("Conversation", "search: boat", ""),
        block("Video Editing", "remove: cat"),
    ],
)
def test_what_may_be_written_with_one_picture(text: str):
    assert accepts(ONE_IMAGE, text)


@pytest.mark.parametrize(
    "text",
    [
        block("Image Editing", "remove: red cat => blue"),
        block("Image Editing", "remove:  cat"),
        block("Image Editing", "segment: cat"),
        block("Image Editing", "recolor: a: b => c"),
        block("Image Editing", "adjust => brightness up"),
        block("Image Editing", "remove: cat", "<Input>image-2</Input>"),
        block("Image Editing", "remove: cat", "<Input>base=image-1, source=image-1</Input>"),
        block("Image Editing", "remove: cat", "<Region>region-1</Region><Input>image-1</Input>"),
        block("Image Editing", "remove: cat", ""),
        block("Conversation", "undo", "<Input>image-1</Input>"),
        block("Image Generation", "generate", ""),
    ],
)
def test_what_may_not(text: str):
    assert not accepts(ONE_IMAGE, text)


def test_targets_can_be_held_to_given_words():
    scene = replace(ONE_IMAGE, words=("cat", "cat's", "half-eaten", "red"))
    for target in ("red cat", "cat's half-eaten cat"):
        assert accepts(scene, block("Image Editing", f"recolor: {target} => sky blue"))
    for target in ("dog", "cats", "red dog", "half"):
        assert not accepts(scene, block("Image Editing", f"recolor: {target} => sky blue"))
    assert accepts(scene, block("Image Editing", "recolor => sky blue"))
    assert accepts(scene, "Some dog!")
    _, later = scene.after("image")
    assert not accepts(later, block("Image Editing", "remove: dog", "<Input>image-2</Input>"), first=False)


@pytest.mark.parametrize(
    ("rest", "allowed"),
    [
        ("<Input>image-2</Input>", True),
        ("<Region>region-1; region-2</Region><Input>image-2</Input>", True),
        ("<Input>base=image-2, mask=mask-3, source=image-1</Input>", True),
        ("<Input>base=image-2, source=image-1</Input>", True),
        ("<Input>base=image-2</Input>", False),
        ("<Input>mask=mask-3</Input>", False),
        ("<Input>base=image-2, source=image-1, mask=mask-3</Input>", False),
        ("<Input>base=image-2, mask=image-1</Input>", False),
        ("<Input>video-1</Input>", False),
        ("<Region>region-3</Region><Input>image-2</Input>", False),
        ("<Region>(0.100, 0.200, 0.300, 0.400)</Region><Input>image-2</Input>", False),
    ],
)
def test_inputs_and_regions_that_exist(rest: str, allowed: bool):
    assert accepts(BUSY, block("Image Editing", "replace: cat => dog", rest)) is allowed


def test_boxes_are_written_only_where_the_request_has_numbers():
    scene = Scene(ONE_IMAGE.media, boxes=True)
    for box in ("(0.100, 0.200, 0.300, 1.000)", "image-1(0.100, 0.200, 0.300, 0.400 | 0, 12)"):
        text = block("Image Editing", "remove", f"<Region>{box}</Region><Input>image-1</Input>")
        assert accepts(scene, text)
        assert not accepts(ONE_IMAGE, text)


def test_after_a_block_comes_a_block_or_nothing():
    assert accepts(ONE_IMAGE, "", first=False)
    assert accepts(ONE_IMAGE, block("Image Editing", "remove: cat"), first=False)
    assert not accepts(ONE_IMAGE, "words", first=False)


def test_a_module_that_finds_nothing_of_its_kind_may_take_what_there_is():
    """So that validation can say what is wrong with it."""
    assert accepts(ONE_IMAGE, block("Video Segmentation", "track: cat"))
    assert accepts(Scene(), block("Image Editing", "remove: cat", ""))


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], LanguageModel]:
    models: dict[int, LanguageModel] = {}

    def get(seed: int) -> LanguageModel:
        if seed not in models:
            folders = tiny.folders(tmp_path_factory.mktemp("model"), seed)
            models[seed] = LanguageModel.load(*folders, device="cpu")
        return models[seed]

    return get


def prompt(text: str, opening: str = "") -> list[int]:
    return [TOKENIZER.im_start, *TOKENIZER.encode_text(text), *TOKENIZER.encode_wire(opening)]


def call_modules(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random models nearly always answer in words, and never end them; this one calls modules and comes to an end."""
    best = model.llama.best

    def biased(hidden: torch.Tensor, allowed: torch.Tensor) -> int:
        fixed = allowed[allowed >= TOKENIZER.num_base]
        opening = TOKENIZER.ids["<Module>"] in fixed and len(allowed) > 10
        return best(hidden, fixed if len(fixed) and (opening or hidden[0] > 0) else allowed)

    monkeypatch.setattr(model.llama, "best", biased)
    monkeypatch.setattr(model.llama, "probability", lambda hidden, token: 1.0)


@pytest.mark.parametrize("scene", [ONE_IMAGE, BUSY, Scene()])
def test_whatever_a_model_writes_can_be_read_and_names_what_exists(load, monkeypatch, scene: Scene):
    monkeypatch.setattr(decoding, "MAX_BLOCKS", 3)
    monkeypatch.setattr(decoding, "MAX_BLOCK_TOKENS", 120)
    steps = 0
    for seed in range(12):
        call_modules(load(seed), monkeypatch)
        pieces: list[str] = []
        with suppress(WireSyntaxError):  # too long; what was written before that must be right
            PlanDecoder(load(seed)).write(prompt("remove the red cat"), scene, pieces.append)
        text = "".join(pieces)
        text = text[: text.rfind("</Output>") + len("</Output>")] if "</Output>" in text else ""
        plan = read_plan(text, scene.regions)
        known = {handle for handle, _ in scene.media}
        for step in plan.invocations:
            assert {item.handle for item in step.inputs} <= known
            known |= {step.output} if step.output else set()
        assert write_plan(plan) == text
        completed = complete(plan, scene.media, None, scene.numbers)
        assert [step.output for step in completed.invocations] == [step.output for step in plan.invocations]
        steps += len(plan.invocations)
    assert steps >= 12


def plainly(model: LanguageModel, prompt: list[int], scene: Scene) -> str:
    """The definition of what is written: token by token, each from the whole sequence so far."""
    reply: list[int] = []
    first = True
    opening = TOKENIZER.ids["<Module>"]
    while True:
        start = len(reply)
        matcher = LLMatcher(GRAMMAR.vocabulary, GRAMMAR.block(scene, first=first))
        while not matcher.is_stopped() and (reply[:1] == [opening] or len(reply) <= decoding.MAX_ANSWER_TOKENS):
            bits = torch.frombuffer(bytearray(matcher.compute_bitmask()), dtype=torch.uint8)
            allowed = torch.tensor([index for index in range(len(TOKENIZER)) if bits[index // 8] >> index % 8 & 1])
            hidden = model.llama.read([*prompt, *reply], model.llama.new_cache())[-1]
            if not reply and model.llama.probability(hidden, opening) < decoding.PLAN_THRESHOLD:
                allowed = allowed[allowed != opening]
            token = model.llama.best(hidden, allowed)
            if token == TOKENIZER.im_end:
                break
            matcher.consume_token(token)
            reply.append(token)
        if len(reply) == start or reply[0] != opening:
            return TOKENIZER.decode_wire(reply)
        kind = output_kind(read_plan(TOKENIZER.decode_wire(reply[start:]), scene.regions).invocations[0])
        if kind:
            handle, scene = scene.after(kind)
            reply += TOKENIZER.encode_wire(f"<Output>{handle}</Output>")
        first = False


@pytest.mark.parametrize("modules", [True, False])
def test_drafts_caches_and_forced_tokens_change_nothing(load, monkeypatch, modules: bool):
    monkeypatch.setattr(decoding, "MAX_ANSWER_TOKENS", 30)
    monkeypatch.setattr(decoding, "MAX_BLOCK_TOKENS", 120)
    finished = 0
    # Random models write single bytes, so each of them is drafted from somewhere in this prompt.
    request = prompt("remove the red cat " + "".join(map(chr, range(33, 60))) + " the the image")
    for seed in range(12):
        if modules:
            call_modules(load(seed), monkeypatch)
        decoder, pieces = PlanDecoder(load(seed)), []
        with suppress(WireSyntaxError):
            text = decoder.write(request, BUSY, pieces.append)
            assert text == plainly(load(seed), request, BUSY)
            assert text.startswith("".join(pieces))
            assert decoder.write(request, BUSY) == text
            finished += 1
    assert finished >= 6


@pytest.mark.parametrize("modules", [True, False])
def test_signals_change_no_word_and_no_number_of_passes(load, monkeypatch, modules: bool):
    monkeypatch.setattr(decoding, "MAX_ANSWER_TOKENS", 30)
    monkeypatch.setattr(decoding, "MAX_BLOCK_TOKENS", 120)
    finished, steps = 0, 0
    for seed in range(6):
        if modules:
            call_modules(load(seed), monkeypatch)
        plain, signalled = (written(load(seed), heads, monkeypatch) for heads in (None, SignalHeads(tiny.SIGNALS, 32)))
        assert plain[:2] == signalled[:2]
        if plain[0]:
            finished += 1
            assert plain[2] == signalled[2]
        steps += len(signalled[3])
        assert all(one is None or one.together().shape == (5, 6) for one in signalled[3])
    assert finished >= 2
    assert (steps >= 6) is modules


def written(model: LanguageModel, heads: SignalHeads | None, monkeypatch: pytest.MonkeyPatch):
    """Whether a fresh model comes to an end, what it writes, in how many passes, with which signals."""
    monkeypatch.setattr(model, "heads", heads)
    monkeypatch.setattr(model, "_kept", {False: [], True: []})
    pieces, signals, passes, ended = [], [], 0, False
    read = model.llama.read

    def counted(*given, **how):
        nonlocal passes
        passes += 1
        return read(*given, **how)

    with monkeypatch.context() as patch, suppress(WireSyntaxError):
        patch.setattr(model.llama, "read", counted)
        PlanDecoder(model).write(prompt("remove the red cat"), BUSY, pieces.append, signals.append)
        ended = True
    return ended, "".join(pieces), passes, signals


STEPS = (
    "<Module>Image Segmentation</Module><Instruction>segment: cat</Instruction><Input>image-1</Input>"
    "<Output>mask-1</Output>",
    "<Module>Conversation</Module><Instruction>select</Instruction><Input>image-1</Input>",
    "<Module>Image Editing</Module><Instruction>recolor: cat => red</Instruction>"
    "<Input>base=image-1, mask=mask-1</Input><Output>image-2</Output>",
)


def test_a_steps_signals_are_read_behind_its_output_and_no_other_signals(tmp_path):
    base, adapter = tiny.folders(tmp_path)
    tiny.give_heads(adapter)
    model = LanguageModel.load(base, adapter, device="cpu")
    tiny.dictate(model, "".join(STEPS))
    begin, found = prompt("make the cat red"), []
    assert PlanDecoder(model).write(begin, ONE_IMAGE, on_signals=found.append) == "".join(STEPS)
    select, move, paint = found
    assert move is None
    placed = [TOKENIZER.ids["<|sig|>"], *model.media.ids("signal tokens", lambda: model.heads.tokens)]
    for signals, written in ((select, STEPS[0]), (paint, "".join(STEPS))):
        ids = [*begin, *TOKENIZER.encode_wire(written), *placed]
        hidden = model.llama.read(ids, model.llama.new_cache(), model.media)
        expected = model.heads(hidden[-tiny.SIGNALS.num_tokens :])
        torch.testing.assert_close(signals.shared, expected.shared, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(signals.private, expected.private, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(select.together(), paint.together(), rtol=1e-2, atol=1e-2)


def test_without_heads_steps_have_no_signals(tmp_path):
    model = LanguageModel.load(*tiny.folders(tmp_path), device="cpu")
    tiny.dictate(model, "".join(STEPS))
    found: list[object] = []
    assert PlanDecoder(model).write(prompt("make the cat red"), ONE_IMAGE, on_signals=found.append) == "".join(STEPS)
    assert found == [None] * 3


def test_a_plan_is_written_only_if_it_is_likelier_than_all_answers_together(load, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_ANSWER_TOKENS", 5)
    monkeypatch.setattr(decoding, "MAX_BLOCKS", 1)
    call_modules(load(0), monkeypatch)
    for probability, is_plan in [(0.51, True), (0.5, True), (0.49, False)]:
        monkeypatch.setattr(load(0).llama, "probability", lambda hidden, token, p=probability: p)
        pieces: list[str] = []
        with suppress(WireSyntaxError):
            PlanDecoder(load(0)).write(prompt("go"), BUSY, pieces.append)
        assert "".join(pieces).startswith("<Module>") == is_plan


def test_a_plan_that_does_not_end_is_an_error(load, monkeypatch):
    call_modules(load(0), monkeypatch)
    monkeypatch.setattr(decoding, "MAX_BLOCK_TOKENS", 2)
    with pytest.raises(WireSyntaxError, match="longer than 2 tokens"):
        PlanDecoder(load(0)).write(prompt("go"), BUSY)


def test_an_answer_ends_at_its_limit(load, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_ANSWER_TOKENS", 5)
    text = PlanDecoder(load(1)).write(prompt("go"), ONE_IMAGE)
    assert 0 < len(TOKENIZER.encode_text(text)) <= 7
