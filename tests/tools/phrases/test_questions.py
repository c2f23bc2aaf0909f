import pytest

from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.questions import Question, may_ask, read_question

NOUNS = load_nouns()


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("how many sheep are there on the hill?", Question("count", "sheep")),
        ("How many people?", Question("count", "people")),
        ("how mnay dogs are in this picture", Question("count", "dogs")),
        ("count the cups please", Question("count", "cups")),
        ("What colour is the umbrella, and who is holding it?", Question("color", "umbrella")),
        ("what color is the car", Question("color", "car")),
        ("Is the car red?", Question("is_color", "car", "red")),
        ("is my cat grey", Question("is_color", "cat", "gray")),
        ("is there a bird in the tree or is that just a leaf", Question("exists", "bird in the tree")),
        ("Are there any cats?", Question("exists", "cats")),
        ("can you see a boat here?", Question("exists", "boat")),
        ("any people in it?", Question("exists", "people")),
        ("where's my dog in the photo", Question("where", "dog")),
        ("how big is the dog?", Question("size", "dog")),
        ("whats this thing i circled?", Question("name")),
        ("What is this?", Question("name")),
        ("what animal is that", Question("name", "animal")),
        ("what breed is this dog", Question("name", "dog")),
        ("Don't change anything, just tell me what's in the picture.", Question("describe")),
        ("Describe this scene for my husband please, he cannot see it.", Question("describe")),
        ("what do you see", Question("describe")),
        ("who is this?", Question("who")),
        ("where was this photo taken do you think", Question("unknowable")),
        ("Who owns the dog?", Question("unknowable")),
        ("Where was the old sofa bought?", Question("unknowable")),
        ("what does the soup smell of", Question("unknowable")),
        ("What is hidden behind the bus?", Question("unknowable")),
        ("What is the man holding?", Question("other", "man")),
    ],
)
def test_questions_about_the_picture_are_recognised(text, question):
    assert read_question(text, NOUNS) == question


@pytest.mark.parametrize(
    "text",
    [
        "hello", "hiya! whats up", "thanks", "Thank you ever so much, dear, that looks just like our old garden did.",
        "Before I upload anything: what is it that you can do?", "what can you do", "who are you?",
        "tell me a joke about photografers", "What is the capital of France?", "who wrote hamlet",
        "sorry, I lost track, what have you changed so far?", "how do i cut out a person in photoshop",
        "r u able to recolour stuff in videos too or is it only pics", "what's the weather like", "", "...",
        "can you make it brighter", "remove the dog",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_others(text):
    assert read_question(text, NOUNS) is None


@pytest.mark.parametrize(
    "text",
    ["What moves?", "Is the small ring there at the end?", "tell me what this shows", "how many dogs?",
     "Name everything you see, with boxes."],
)  # fmt: skip
def test_in_whatever_form_something_may_be_asked(text: str):
    assert may_ask(text, NOUNS)


@pytest.mark.parametrize("text", ["thanks, lovely!", "what can you do?", "tell me a joke", "I like the dog", ""])
def test_talk_asks_nothing_of_what_is_shown(text: str):
    assert not may_ask(text, NOUNS)
