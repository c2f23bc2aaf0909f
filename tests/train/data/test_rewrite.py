from langchain_core.language_models import FakeListChatModel

from vitron_agent.planners.base import Medium, PlanRequest
from vitron_agent.train.data.invocations import Record
from vitron_agent.train.data.rewrite import reworded

RECORD = Record(
    request=PlanRequest(text="paint the clock red", media=(Medium(handle="image-1", kind="image"),), current="image-1"),
    output="<Module>Image Editing</Module><Instruction>recolor: clock => red</Instruction>",
    source="composed",
)


class Moody(FakeListChatModel):
    """Fails where its answer is empty."""

    def _call(self, *arguments: object, **options: object) -> str:
        answer = super()._call(*arguments, **options)  # type: ignore[arg-type]
        if not answer:
            raise TimeoutError("too many requests")
        return answer


def test_only_faithful_rewordings_are_kept_and_a_failed_call_costs_one_only(capsys) -> None:
    answers = ["Could the clock be red, please?", "Could it be blue?", "", "Red for the clock"]
    records = list(reworded(iter([RECORD] * 4), Moody(responses=answers)))
    texts = [record.request.text for record in records]
    assert texts == [answers[0], RECORD.request.text, RECORD.request.text, answers[3]]
    assert [record.source for record in records] == ["rewritten", "composed", "composed", "rewritten"]
    assert {record.output for record in records} == {RECORD.output}
    assert "too many requests" in capsys.readouterr().err
