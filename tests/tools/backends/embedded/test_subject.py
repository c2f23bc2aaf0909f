from skimage import data

from vitron_agent.tools.image_segmentation import Prompt, Segmentation


def test_nothing_said_means_the_main_subject(segmentation, cat):
    found = segmentation.segment(cat, Prompt(), image_id="cat")
    assert isinstance(found, Segmentation)
    assert "cat" in found.findings[0].label
    named = segmentation.segment(cat, Prompt("cat"), image_id="cat")
    assert (found.mask & named.mask).sum() > 0.7 * (found.mask | named.mask).sum()


def test_what_has_a_name_that_was_not_learned_is_the_subject_too(segmentation):
    found = segmentation.segment(data.coffee(), Prompt(), image_id="coffee")
    assert isinstance(found, Segmentation)
    assert found.mask[130:170, 240:340].mean() > 0.7  # the coffee in its cup
    assert found.mask[:15].mean() < 0.1


def test_what_has_no_name_is_found_by_prominence(segmentation):
    found = segmentation.segment(data.rocket(), Prompt(), image_id="rocket")
    assert isinstance(found, Segmentation)
    assert [finding.label for finding in found.findings] == ["main subject"]
    assert 0.02 < found.mask.mean() < 0.6
