from tests.train.data.readers.sets import flickr30k, text
from vitron_agent.train.data.readers.flickr30k import read_flickr30k
from vitron_agent.train.data.samples import Sample, Task, Thing

FIRST, SECOND = (0.25, 0.25, 0.5, 0.75), (0.0, 0.0, 0.1, 0.2)


def test_phrases_keep_their_words_and_get_every_box_of_their_chain(tmp_path):
    (sample,) = (record for record in read_flickr30k(flickr30k(tmp_path)) if isinstance(record, Sample))
    assert sample.task is Task.GROUNDED_CAPTION
    assert sample.turns[0].reply == "Two girls with a pink dress in a park ."
    assert sample.things == (
        Thing("Two girls", {0: FIRST}),
        Thing("Two girls", {0: SECOND}),
        Thing("a pink dress", {0: FIRST}),
    )


def test_captions_without_use_are_named(tmp_path):
    _, *bad = read_flickr30k(flickr30k(tmp_path))
    assert [(record.where, record.why.partition(":")[0]) for record in bad] == [
        ("picture 100, caption 2", "no phrase has a box"),
        ("picture 100, caption 3", "caption that says nothing of its picture"),
        ("picture 100, caption 4", "unknown mark of a phrase"),
        ("picture 200", "damaged annotation"),
        ("picture 300", "missing file"),
        ("picture 400", "missing file"),
    ]


def test_entities_of_xml_are_not_read_from_files(tmp_path):
    folder = flickr30k(tmp_path)
    secret = text(tmp_path / "secret", "1")
    attack = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><annotation><object><name>&x;</name></object>'
    text(folder / "Annotations/100.xml", f"{attack}</annotation>")
    assert next(read_flickr30k(folder)).why.startswith("damaged annotation")
