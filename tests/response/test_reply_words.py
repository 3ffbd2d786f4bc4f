"""Words, plain text and which turns do not look English."""

import pytest

from affectus.response.language import foreign
from affectus.response.tables import plain, words


def test_plain_text():
    assert plain("I  CAN’T,\n“Müde” \u200bnow") == 'i can\'t, "mude" now'
    assert words("Don't—stop, it's 5 o'clock!") == ["don't", "stop", "it's", "5", "o'clock"]


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("My dog died yesterday.", False),
        ("Exhausted.", False),
        ("Zoë's café reopened, so happy about that!", False),
        ("lol same here tbh", False),
        ("", False),
        ("Mein Hund ist gestern gestorben und ich weine nur noch.", True),
        ("Estoy muy triste porque mi perro murió ayer.", True),
        ("犬が死んで悲しいです。", True),
        ("Мне очень грустно", True),
        ("Je suis tellement content de te revoir enfin", True),
    ],
)
def test_other_languages_are_noticed(text, strange):
    assert foreign(text) is strange
