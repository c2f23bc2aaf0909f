from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.graphs.reducers import keep_first

channels = st.dictionaries(st.sampled_from("abcdef"), st.integers(), max_size=6)


@given(channels, channels, channels)
def test_merging_is_associative(first, second, third):
    assert keep_first(keep_first(first, second), third) == keep_first(first, keep_first(second, third))


@given(channels, channels)
def test_a_replay_changes_nothing(before, update):
    after = keep_first(before, update)
    assert keep_first(after, update) == after
    assert list(keep_first(after, update)) == list(after)


@given(channels, channels)
def test_what_was_there_stays_and_all_keys_arrive(before, update):
    after = keep_first(before, update)
    assert before.items() <= after.items()
    assert after.keys() == before.keys() | update.keys()


@given(channels)
def test_parallel_tasks_with_ids_of_their_own_merge_in_any_order(values):
    parts = [{key: value} for key, value in values.items()]
    forth, back = {}, {}
    for part in parts:
        forth = keep_first(forth, part)
    for part in reversed(parts):
        back = keep_first(back, part)
    assert forth == back == values
