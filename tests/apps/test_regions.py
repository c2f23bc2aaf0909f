import pytest

from vitron_agent.apps.regions import parse_region
from vitron_agent.errors import UsageError
from vitron_agent.messages import Region


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("box:0.1,0.2,0.4,0.6", Region.box(0.1, 0.2, 0.4, 0.6)),
        ("box: 0.1, 0.2, 0.4, 0.6@image-2", Region.box(0.1, 0.2, 0.4, 0.6, source="image-2")),
        ("points:0.5,0.5", Region.points([(0.5, 0.5)], labels=[True])),
        ("points:0.5,0.5,-0.1,0.2", Region.points([(0.5, 0.5), (0.1, 0.2)], labels=[True, False])),
        ("polygon:0,0,1,0,1,1", Region.polygon([(0, 0), (1, 0), (1, 1)])),
        ("scribble:0.1,0.1,0.2,0.3", Region.scribble([(0.1, 0.1), (0.2, 0.3)])),
    ],
)
def test_what_is_typed_becomes_a_region(text: str, region: Region) -> None:
    assert parse_region(text) == region


@pytest.mark.parametrize(
    "text",
    ["", "box", "circle:0.1,0.1", "box:a,b,c,d", "box:0.1,0.2,0.3", "box:0.5,0.2,0.4,0.6", "points:2,3", "mask:m.png",
     "box:0.1,0.1,0.2,0.2,0.3,0.3", "points:nan,0.5", "points:0.5,-0.5", "points:-0.5,-0.5"],
)  # fmt: skip
def test_what_is_no_region_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(UsageError):
        parse_region(text)


@pytest.mark.parametrize("kind", ["box", "polygon", "scribble"])
@pytest.mark.parametrize("place", range(6))
def test_only_points_carry_a_minus(kind: str, place: int) -> None:
    numbers = ["0.1", "0.1", "0.5", "0.2", "0.3", "0.9"][: 4 if kind == "box" else 6]
    place %= len(numbers)
    assert parse_region(f"{kind}:{','.join(numbers)}")
    numbers[place] = f"-{numbers[place]}"
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        parse_region(f"{kind}:{','.join(numbers)}")
