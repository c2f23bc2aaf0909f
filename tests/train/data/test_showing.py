"""What stands behind the handles of requests changes nothing else about them."""

from dataclasses import replace
from itertools import islice

import pytest

from tests import tiny
from tests.train.data.test_examples import CONFIG, DRAWN, TwoFeatures, sample
from vitron_agent.errors import MediaFormatError, UsageError
from vitron_agent.model.media import Drawn, Places, count_tokens
from vitron_agent.planners.prompt import IGNORED
from vitron_agent.planners.prompt import shown as shown_by
from vitron_agent.train.data.examples import Eyes, looked
from vitron_agent.train.data.invocations import compose
from vitron_agent.train.data.samples import Medium
from vitron_agent.train.data.showing import Stock
from vitron_agent.train.stage2_invocation import tokenise


@pytest.fixture(scope="module")
def stock() -> Stock:
    return Stock(looked([sample(clip=True, regions=DRAWN)], Eyes(TwoFeatures(), CONFIG), pytest.fail), seed=1)


def test_every_handle_that_a_prompt_shows_has_something_of_its_kind(stock: Stock):
    kinds = set()
    for record in compose(200, seed=1):
        behind = stock.behind(record.request)
        assert tuple(behind) == shown_by(record.request)
        for handle, item in behind.items():
            kind = handle.partition("-")[0]
            kinds.add(kind)
            assert isinstance(item, Drawn if kind == "region" else Places)
            assert count_tokens(item) == {"image": 4, "video": 3, "region": 1}[kind]
    assert kinds == {"image", "video", "region"}


def test_words_and_labels_are_those_of_the_request_without_media(stock: Stock):
    records = list(islice(compose(60, seed=2), 60))
    plain, _ = tokenise(records, tiny.tokenizer(), 5000)
    seen, _ = tokenise(records, tiny.tokenizer(), 5000, stock)
    for without, with_media in zip(plain, seen, strict=True):
        pairs = list(zip(with_media["input_ids"], with_media["labels"], strict=True))
        assert [token for token, _ in pairs if token >= 0] == without["input_ids"]
        assert [label for token, label in pairs if token >= 0] == without["labels"]
        assert all(label == IGNORED for token, label in pairs if token < 0)
        assert sum(token < 0 for token, _ in pairs) == sum(map(count_tokens, with_media["media"]))


def test_what_cannot_be_read_is_passed_over():
    def torn():
        raise MediaFormatError("torn.jpg is no picture")

    shown = sample(clip=True, regions=DRAWN)
    damaged = replace(shown, media=(Medium("image", "torn.jpg", torn), *shown.media[1:]))
    request = next(iter(compose(1, seed=1))).request
    reports = []
    seen = looked([damaged, shown], Eyes(TwoFeatures(), CONFIG), reports.append)
    assert Stock(seen, seed=1).behind(request).keys() == set(shown_by(request))
    assert [bad.why for bad in reports] == ["its media cannot be read: torn.jpg is no picture"]


@pytest.mark.parametrize(("samples", "kind"), [([], "image"), ([sample()], "video"), ([sample(clip=True)], "region")])
def test_what_there_is_nothing_of_is_named(samples, kind):
    with pytest.raises(UsageError, match=f"kind {kind} to look at; ask for more --scenes and --clips"):
        Stock(looked(samples, Eyes(TwoFeatures(), CONFIG), pytest.fail), seed=1)
