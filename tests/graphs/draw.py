"""Draws the graph anew: ``python -m tests.graphs.draw``."""

import tempfile
from pathlib import Path

from tests.graphs.test_drawing import DRAWN
from tests.scenes import open_agent

if __name__ == "__main__":
    with open_agent(Path(tempfile.mkdtemp())) as agent:
        DRAWN.write_text(agent.graph.get_graph().draw_mermaid())
