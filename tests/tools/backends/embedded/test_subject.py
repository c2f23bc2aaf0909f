from skimage import data

from vitron_agent.tools.image_segmentation import Prompt, Segmentation


def test_nothing_said_means_the_main_subject(segmentation, cat):
    found = segmentation.segment(cat, Prompt(), image_id="cat")
    assert isinstance(found, Segmentation)
    assert "cat" in found.findings[0].label
    named = segmentation.segment(cat, Prompt("cat"), image_id="cat")
    assert (found.mask & named.mask).sum() > 0.7 * (found.mask | named.mask).sum()


def test_what_has_no_learned_name_is_found_by_prominence(segmentation):
    found = segmentation.segment(data.coffee(), Prompt(), image_id="coffee")
    assert isinstance(found, Segmentation)
    assert found.findings[0].label == "main subject"
    assert found.mask[130:170, 240:340].mean() > 0.7  # the coffee in its cup
    assert found.mask[:30].mean() < 0.1
    assert found.mask[-30:].mean() < 0.1
