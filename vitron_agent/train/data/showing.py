"""Something to look at behind the handles of requests that were written about no picture in particular."""

from collections.abc import Iterable
from random import Random

from vitron_agent.errors import UsageError
from vitron_agent.messages import Handle
from vitron_agent.model.media import Drawn, Prepared
from vitron_agent.planners.base import PlanRequest
from vitron_agent.planners.prompt import shown
from vitron_agent.train.data.examples import Looked


class Stock:
    """Pictures, clips and drawings that were seen, to stand behind any handle.

    What is planned follows from the words alone there: so the planner learns to read past a picture that it need not
    look at.

    Args:
        seen: Samples that were looked at.
        seed: Of the choice.

    Raises:
        UsageError: None shows a picture, none a clip, or none has a drawing.
    """

    def __init__(self, seen: Iterable[Looked], seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311
        self._kept: dict[str, list[Prepared]] = {"image": [], "video": [], "region": []}
        for sample, items in seen:
            kinds = [medium.kind for medium in sample.media]
            for position, item in enumerate(items):
                self._kept["region" if isinstance(item, Drawn) else kinds[position]].append(item)
        if missing := [kind for kind, kept in self._kept.items() if not kept]:
            raise UsageError(f"nothing of the kind {missing[0]} to look at; ask for more --scenes and --clips")

    def behind(self, request: PlanRequest) -> dict[Handle, Prepared]:
        """Something for every handle that a prompt shows."""
        return {handle: self._rng.choice(self._kept[handle.partition("-")[0]]) for handle in shown(request)}
