from pathlib import Path

from vitron_agent.messages import Module

DRAWN = Path(__file__).with_name("vitron.mmd")


def test_the_graph_is_drawn_as_it_was_reviewed(make_agent):
    """Write the file anew with: python -m tests.graphs.draw (and look at the difference)."""
    assert make_agent().graph.get_graph().draw_mermaid() == DRAWN.read_text()


def test_one_visible_node_a_module(make_agent):
    graph = make_agent().graph
    assert {module.value for module in Module} <= set(graph.get_graph().nodes)
    assert graph.name == "vitron"


def test_strangers_see_messages_and_three_more_keys(make_agent):
    graph = make_agent().graph
    assert set(graph.get_input_jsonschema()["properties"]) == {"messages", "regions"}
    assert set(graph.get_output_jsonschema()["properties"]) == {"messages", "turn_status", "turn_results"}
