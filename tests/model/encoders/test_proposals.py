"""Things that are found are whole, few, and followed from frame to frame."""

import torch

from vitron_agent.model.encoders.proposals import Proposer, follow, overlaps
from vitron_agent.model.encoders.video import VideoFeatures


class TwoSquares(Proposer):
    """Whose features say themselves where the things are: channel 0 a small one, channel 1 a large one."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, maps, sizes=None):
        height, width = maps.shape[2:]
        boxes = torch.zeros(len(maps), height, width, 4)
        for number, one in enumerate(maps):
            for channel in one:
                rows, columns = channel.nonzero().T if channel.any() else (torch.zeros(0).long(),) * 2
                if len(rows):
                    ends = [columns.min() / width, rows.min() / height]
                    ends += [(columns.max() + 1) / width, (rows.max() + 1) / height]
                    boxes[number, rows, columns] = torch.stack(ends)
        return 20 * maps.amax(dim=1) - 10, boxes


def picture(left: int) -> torch.Tensor:
    maps = torch.zeros(2, 12, 12)
    maps[0, 1:4, left : left + 3] = 1
    maps[1, 6:11, 5:11] = 1
    return maps


def test_every_thing_is_found_once_with_its_box_and_its_own_features():
    things = TwoSquares().find(picture(2), 8)
    order = things.boxes[:, 1].argsort()
    torch.testing.assert_close(things.boxes[order] * 12, torch.tensor([[2.0, 1, 5, 4], [5, 6, 11, 11]]))
    torch.testing.assert_close(things.features[order], torch.eye(2))
    assert len(TwoSquares().find(picture(2), 1)) == 1
    assert len(TwoSquares().find(torch.zeros(2, 12, 12), 8)) == 0


def test_a_thing_that_moves_is_followed_and_one_that_comes_later_is_another():
    maps = torch.stack([picture(left) for left in (0, 2, 4, 6)])
    maps[:2, 1] = 0
    tracks = follow(TwoSquares(), VideoFeatures(maps, (0, 1, 2, 3), 4), 8)
    assert [[sight.frame for sight in track] for track in tracks] == [[0, 1, 2, 3], [2, 3]]
    assert [round(float(sight.box[0]) * 12) for sight in tracks[0]] == [0, 2, 4, 6]


def test_an_untrained_proposer_gives_boxes_within_the_picture():
    torch.manual_seed(0)
    things = Proposer(6).find(torch.randn(6, 9, 7), 5)
    assert len(things) <= 5
    assert things.features.shape == (len(things), 6)
    assert ((things.boxes >= 0) & (things.boxes <= 1)).all()


def test_overlap_is_symmetric_and_one_with_itself():
    low = torch.rand(7, 2)
    boxes = torch.cat([low, low + 0.1 + torch.rand(7, 2)], dim=1)
    worth = overlaps(boxes, boxes)
    torch.testing.assert_close(worth, worth.T)
    torch.testing.assert_close(worth.diagonal(), torch.ones(7))
