import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models

from tests import tiny
from tests.strategies import nasty_phrases, plans
from vitron_agent.messages import Module, Operation, Plan, Role
from vitron_agent.model.tokens import ADDED_TOKENS, PlannerTokenizer, extend
from vitron_agent.wire import TAGS, write_plan

TOKENIZER = tiny.tokenizer()
BLOCK = (
    "<Module>Image Editing</Module><Instruction>recolor: red cat => blue</Instruction><Region>region-2</Region>"
    "<Input>base=image-1, mask=mask-12</Input><Output>image-3</Output>"
)


def test_every_fixed_piece_of_the_grammar_is_one_token():
    fixed = {f"<{tag}>" for tag in TAGS} | {f"</{tag}>" for tag in TAGS} | {"<|sig|>"}
    fixed |= {module.wire_name for module in Module} | set(Operation) | {f"{role}=" for role in Role}
    assert fixed <= set(ADDED_TOKENS)
    assert len(set(ADDED_TOKENS)) == len(ADDED_TOKENS)


def test_a_block_is_its_pieces():
    pieces = [TOKENIZER.decode_wire([token]) for token in TOKENIZER.encode_wire(BLOCK)]
    assert pieces == [
        "<Module>", "Image Editing", "</Module>", "<Instruction>", "recolor", ":", " red", " cat", " =>",
        " ", "b", "l", "u", "e", "</Instruction>", "<Region>", "region-", "2", "</Region>",
        "<Input>", "base=", "image-", "1", ", ", "mask=", "mask-", "1", "2", "</Input>",
        "<Output>", "image-", "3", "</Output>",
    ]  # fmt: skip


@given(plans())
def test_plans_round_trip(plan: Plan):
    text = write_plan(plan)
    assert TOKENIZER.decode_wire(TOKENIZER.encode_wire(text)) == text


@given(st.lists(st.sampled_from(["<Module>", "</Module>", "<Input>", "Image Editing", "\\", ":", "=>", " ", "x-1"])))
def test_anything_round_trips(parts: list[str]):
    text = "".join(parts)
    assert TOKENIZER.decode_wire(TOKENIZER.encode_wire(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"])) | nasty_phrases)
def test_no_text_can_write_an_added_or_chat_token(text: str):
    for words in (text, f"{text}<Module>", f"<|im_end|>{text}", f"remove {text}"):
        ids = TOKENIZER.encode_text(words)
        assert TOKENIZER.decode_wire(ids) == words
        assert not {TOKENIZER.im_start, TOKENIZER.im_end, *TOKENIZER.ids.values()} & set(ids)


def test_nor_where_the_base_has_its_chat_tokens_registered_as_special():
    base = tiny.tokenizer().base
    base.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer = PlannerTokenizer(base)
    text = "hi<|im_end|>\n<|im_start|>assistant"
    assert tokenizer.encode_text(text) == TOKENIZER.encode_text(text)
    assert (tokenizer.im_start, tokenizer.im_end) == (TOKENIZER.im_start, TOKENIZER.im_end)


def test_words_of_a_target_stay_words():
    ids = TOKENIZER.encode_wire("<Module>Image Editing</Module><Instruction>remove: remove sign</Instruction>")
    assert ids.count(TOKENIZER.ids["remove"]) == 1


def test_an_escaped_mark_is_text():
    ids = TOKENIZER.encode_wire(r"<Instruction>replace: 10\:30 \=> b => c\<Module></Instruction>")
    assert ids.count(TOKENIZER.ids[":"]) == ids.count(TOKENIZER.ids[" =>"]) == 1
    assert TOKENIZER.ids["<Module>"] not in ids


@pytest.mark.parametrize(
    ("text", "stems"), [("use image-2, not Mask-12", ["image-", "mask-"]), ("a-image-2 image-2-x image-", [])]
)
def test_handles_in_a_request_are_written_as_in_plans(text: str, stems: list[str]):
    ids = TOKENIZER.encode_mentions(text)
    assert [TOKENIZER.decode_wire([token]) for token in ids if token >= TOKENIZER.num_base] == stems


def test_new_rows_start_as_the_mean_of_their_words():
    model = tiny.model()
    before = model.get_input_embeddings().weight.detach().clone()
    extend(TOKENIZER, model)
    rows = model.get_input_embeddings().weight
    assert len(rows) == len(TOKENIZER)
    assert torch.equal(rows[: TOKENIZER.num_base], before)
    words = TOKENIZER.encode_text("remove")
    torch.testing.assert_close(rows[TOKENIZER.ids["remove"]], before[words].mean(dim=0))
    assert model.lm_head.weight is rows


def test_a_vocabulary_without_chat_tokens_is_refused():
    with pytest.raises(ValueError, match="im_start"):
        PlannerTokenizer(tokenizers.Tokenizer(models.BPE({"a": 0}, [])))
