"""Hypothesis strategies for the message types."""

from hypothesis import strategies as st

from vitron_agent.messages import (
    INVOCATION_TYPES,
    OPERATIONS,
    Input,
    Invocation,
    Module,
    Plan,
    Region,
    make_invocation,
)

handles = st.builds("{}-{}".format, st.sampled_from(["image", "mask", "video", "boxes"]), st.integers(1, 999))
phrases = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(str.strip)
nasty_phrases = st.text(st.sampled_from("ab\\<>:=|() "), max_size=15).map(str.strip)


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    """Boxes whose corners have three decimals, as on the wire."""
    xs = sorted(draw(st.sets(st.integers(0, 1000), min_size=2, max_size=2)))
    ys = sorted(draw(st.sets(st.integers(0, 1000), min_size=2, max_size=2)))
    span = draw(st.none() | st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda p: (min(p), max(p))))
    return Region.box(
        xs[0] / 1000, ys[0] / 1000, xs[1] / 1000, ys[1] / 1000, source=draw(st.none() | handles), frames=span
    )


@st.composite
def invocations(draw: st.DrawFn, drawn: tuple[Region, ...] = ()) -> Invocation:
    module = draw(st.sampled_from(list(Module)))
    roles = (
        draw(st.sets(st.sampled_from(sorted(INVOCATION_TYPES[module].takes)))) if INVOCATION_TYPES[module].takes else ()
    )
    named = [region.model_copy(update={"name": f"region-{n}"}) for n, region in enumerate(drawn, 1)]
    regions = boxes() if not named else boxes() | st.sampled_from(named)
    return make_invocation(
        module,
        draw(st.sampled_from(OPERATIONS[module])),
        target=draw(phrases | nasty_phrases),
        value=draw(phrases | nasty_phrases),
        inputs=tuple(Input(role=role, handle=draw(handles)) for role in roles),
        regions=tuple(draw(st.lists(regions, max_size=3))),
        output=draw(st.none() | handles),
    )


def plans(drawn: tuple[Region, ...] = ()) -> st.SearchStrategy[Plan]:
    steps = st.lists(invocations(drawn), min_size=1, max_size=4).map(lambda items: Plan(invocations=tuple(items)))
    answers = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(lambda text: Plan(text=text.strip()))
    return steps | answers
