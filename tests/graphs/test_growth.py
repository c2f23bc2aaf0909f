"""What turns leave behind, measured in the files of a real conversation about a 12-megapixel photo."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.scenes import SignallingScript, open_agent, recolor, segment, steps
from vitron_agent.messages import Plan

TURNS = 20
LIMIT = 16 * 1024


def nbytes(folder: Path) -> int:
    """Pages of both databases, all writes merged."""
    total = 0
    for name in ("vitron.db", "vitron.db-checkpoints"):
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            pages, size = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
            total += pages * size
    return total


@pytest.mark.slow
def test_twenty_turns_with_a_large_photo_leave_little_and_all_the_same(tmp_path):
    height, width = 3000, 4000
    rows, columns = np.mgrid[:height, :width]
    photo = np.stack([rows % 256, columns % 256, (rows // 7 + columns // 5) % 256], axis=2).astype(np.uint8)
    # Every turn selects and edits on the photo itself; the stored pictures themselves are megabytes.
    plan: Plan = steps(segment(base="image-1", output="mask-1"), recolor(base="image-1", mask="mask-1"))
    plans = [Plan(text="A photo."), *[lambda request: renumbered(plan, request)] * TURNS]
    sizes = []
    with open_agent(tmp_path, planner=SignallingScript(plans)) as agent:
        agent.chat("what is this?", images=[photo], thread="demo")
        for _ in range(TURNS):
            before = nbytes(tmp_path)
            reply = agent.chat("make the clock in the middle red, please", thread="demo")
            assert reply.status == "done", reply.text
            assert reply.image.ref.nbytes > 100_000
            sizes.append(nbytes(tmp_path) - before)
    # Databases grow by whole pages, so single turns differ by a few; five in a row tell the trend.
    assert max(sizes) <= LIMIT, sizes
    assert sum(sizes[-5:]) <= sum(sizes[:5]) + 4096, sizes


def renumbered(plan, request):
    mask = f"mask-{dict(request.next_numbers).get('mask', 1)}"
    select, paint = plan.invocations
    inputs = tuple(
        item.model_copy(update={"handle": mask}) if item.handle == "mask-1" else item for item in paint.inputs
    )
    return steps(select.model_copy(update={"output": mask}), paint.model_copy(update={"inputs": inputs}))
