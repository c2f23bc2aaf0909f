"""A process that chats: ``python -m tests.chatter DATABASE ARTIFACTS NAME TURNS``. Prints its replies as JSON.

Half of its turns go to a conversation of its own, half to one that all such processes share.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.scenes import picture, recolor, steps
from vitron_agent.agent import VitronAgent
from vitron_agent.testing import fake_profile


class Echo:
    name = "echo"

    def plan(self, request, on_token=None):
        return steps(recolor(target=request.text))


def main(database: str, artifacts: str, name: str, turns: str) -> None:
    said = []
    with VitronAgent(profile=fake_profile(planner=Echo()), database=database, artifacts=artifacts) as agent:

        def talk(thread: str) -> None:
            for number in range(int(turns)):
                text = f"{name} {thread} {number}"
                reply = agent.chat(text, images=picture(number) if number == 0 else None, thread=thread)
                outputs = [step.outputs[0].handle for step in reply.invocations]
                said.append({"thread": thread, "turn": reply.turn, "text": text, "outputs": outputs})

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(talk, [name, "shared"]))
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
