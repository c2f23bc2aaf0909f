"""Readers of public data sets from local files in their published layouts.

Each gives :class:`~vitron_agent.train.data.samples.Sample` and, for every record that cannot be used,
:class:`~vitron_agent.train.data.samples.Bad`; a file or folder that isn't the set at all raises UsageError. Media are
read when they are needed. Check a download with ``python -m vitron_agent.train.data.readers NAME PATH``.
"""

from collections.abc import Callable

from vitron_agent.train.data.readers.captions import read_cc3m, read_webvid
from vitron_agent.train.data.readers.coco import read_coco, read_refcoco
from vitron_agent.train.data.readers.common import Found
from vitron_agent.train.data.readers.conversations import read_captions, read_conversations
from vitron_agent.train.data.readers.flickr30k import read_flickr30k
from vitron_agent.train.data.readers.grounded_video import read_hcstvg, read_vidstg
from vitron_agent.train.data.readers.invocations import read_invocations
from vitron_agent.train.data.readers.magicbrush import read_magicbrush
from vitron_agent.train.data.readers.masked_video import read_davis, read_youtube_vos
from vitron_agent.train.data.readers.streaming import stream
from vitron_agent.train.data.readers.tracking import read_got10k, read_lasot

__all__ = ["READERS", "stream"]

READERS: dict[str, Callable[..., Found]] = {
    "llava": read_conversations,
    "llava-captions": read_captions,
    "cc3m": read_cc3m,
    "webvid": read_webvid,
    "coco": read_coco,
    "refcoco": read_refcoco,
    "flickr30k": read_flickr30k,
    "vidstg": read_vidstg,
    "hcstvg": read_hcstvg,
    "got10k": read_got10k,
    "lasot": read_lasot,
    "davis": read_davis,
    "youtube-vos": read_youtube_vos,
    "magicbrush": read_magicbrush,
    "invocations": read_invocations,
}
"""By the name of the set; ``refcoco`` reads RefCOCO, RefCOCO+ and RefCOCOg."""
