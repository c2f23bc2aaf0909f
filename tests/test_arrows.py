"""Imports between the parts of the package point one way (CONTRIBUTING.md, rule 7), those inside functions too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vitron_agent

FOUNDATIONS = (
    "__init__ _names errors",
    "_cache background blobs boxes clips codecs limits",
    "artifacts export",
    "messages",
    "config replies wire",
    "events grounded",
)
LAYERS = (
    *FOUNDATIONS,
    "ingest memory model",
    "tools",
    "planners",
    "profiles",
    "testing",
    "graphs",
    "attachments runner",
    "agent",
    "apps",
)
"""Lowest first: a part imports from the lines above its own only, and from no neighbour on its line."""
TRAIN = (*FOUNDATIONS, "model tools planners profiles testing")
"""What ``train`` may import: no conversation, no database. Nothing imports it."""
PACKAGE = Path(vitron_agent.__file__).parent


def parts(lines: tuple[str, ...]) -> set[str]:
    return {part for line in lines for part in line.split()}


ALLOWED = {part: parts(LAYERS[:level]) for level, line in enumerate(LAYERS) for part in line.split()}
ALLOWED["train"] = parts(TRAIN)


def runtime_imports(node: ast.AST) -> Iterator[str]:
    """What running a module may import, by its full name; names that only type checkers read are left out."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            assert level == 0, f"line {node.lineno}: write the full name of what is imported"
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=others):
            for other in others:
                yield from runtime_imports(other)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from runtime_imports(child)


def arrows() -> Iterator[tuple[str, str]]:
    """Each module and a part of the package that it imports from, its own left out."""
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for name in runtime_imports(ast.parse(path.read_text())):
            package, _, rest = name.partition(".")
            part = rest.partition(".")[0] or "__init__"
            if package == PACKAGE.name and part != module.partition(".")[0]:
                yield module, part


def test_every_part_has_its_place():
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert there == set(ALLOWED)


def test_arrows_point_one_way():
    wrong = {(module, part) for module, part in arrows() if part not in ALLOWED[module.partition(".")[0]]}
    assert not wrong


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import vitron_agent.agent as a, os", ["vitron_agent.agent", "os"]),
        ("from vitron_agent import agent, apps", ["vitron_agent.agent", "vitron_agent.apps"]),
        ("class A:\n  async def f():\n    with b:\n      from apps.cli import app", ["apps.cli.app"]),
        ("if TYPE_CHECKING:\n  import apps\nelse:\n  import agent", ["agent"]),
        ("try:\n  import apps\nexcept ImportError:\n  if here:\n    import agent", ["apps", "agent"]),
    ],
)  # fmt: skip
def test_what_runs_is_seen_wherever_it_stands(code, found):
    assert list(runtime_imports(ast.parse(code))) == found


def test_relative_imports_are_refused():
    with pytest.raises(AssertionError, match="line 1: write the full name"):
        list(runtime_imports(ast.parse("from . import agent")))
