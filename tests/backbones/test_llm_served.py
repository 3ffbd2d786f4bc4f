"""A language model on a server: streaming, time-outs, repeats and nonsense, over a transport without a network."""

from __future__ import annotations

import json
import math

import pytest

httpx = pytest.importorskip("httpx")

from affectus.backbones.llm import LLM, LLMError, Message, Unscorable  # noqa: E402
from affectus.backbones.llm.served import ServedLLM  # noqa: E402
from affectus.errors import InputError  # noqa: E402

CHAT = (Message("user", "I got the job!"),)


def stream(*pieces: str) -> str:
    rows = [json.dumps({"choices": [{"delta": {"content": piece}}]}) for piece in pieces]
    return ": hello\n\n" + "".join(f"data: {row}\n\n" for row in [*rows, '{"choices": []}']) + "data: [DONE]\n\n"


def served(*answers, model: str = "#m", **options) -> tuple[ServedLLM, list]:
    """A server that gives these answers in order: text, (status, text), or an error to raise."""
    asked, left = [], list(answers)

    def answer(request):
        asked.append(request)
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        status, text = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, text=text)

    llm = ServedLLM(f"http://llm.test/v1{model}", transport=httpx.MockTransport(answer), pause=0.0, **options)
    return llm, asked


def test_streams_and_sends_what_the_protocol_wants(monkeypatch):
    monkeypatch.setenv("AFFECTUS_LLM_KEY", "secret")
    llm, asked = served(stream("Con", "grats", "!\nMore"))
    assert isinstance(llm, LLM)
    assert list(llm.generate(CHAT, tokens=9, seed=4, temperature=0.5, stop=["\n"])) == ["Con", "grats", "!"]
    body = json.loads(asked[0].content)
    assert str(asked[0].url) == "http://llm.test/v1/chat/completions"
    assert asked[0].headers["authorization"] == "Bearer secret"
    assert body["messages"] == [{"role": "user", "content": "I got the job!"}]
    assert (body["model"], body["max_tokens"], body["seed"], body["temperature"]) == ("m", 9, 4, 0.5)
    assert "continue_final_message" not in body
    list(llm.generate([*CHAT, Message("assistant", "Well")], tokens=9))
    assert json.loads(asked[1].content)["continue_final_message"] is True


def test_asks_for_the_model_when_none_is_named():
    llm, _ = served(json.dumps({"data": [{"id": "big"}, {"id": "small"}]}), model="")
    assert llm.model == "big"
    with pytest.raises(LLMError, match="names no model"):
        served(json.dumps({"data": []}), model="")


@pytest.mark.parametrize("trouble", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), (503, "busy")])
def test_repeats_what_may_pass(trouble):
    llm, asked = served(trouble, trouble, stream("yes"))
    assert "".join(llm.generate(CHAT, tokens=5)) == "yes"
    assert len(asked) == 3
    llm, asked = served(trouble)
    with pytest.raises(LLMError, match="3 attempts"):
        list(llm.generate(CHAT, tokens=5))
    assert len(asked) == 3


def test_pauses_double(monkeypatch):
    slept = []
    monkeypatch.setattr("affectus.backbones.llm.served.time.sleep", slept.append)
    llm, _ = served(httpx.ConnectError("refused"), attempts=4)
    llm._pause = 0.5
    with pytest.raises(LLMError):
        list(llm.generate(CHAT, tokens=5))
    assert slept == [0.5, 1.0, 2.0]


def test_does_not_repeat_what_will_not_pass():
    llm, asked = served((401, "no key"))
    with pytest.raises(LLMError, match="401"):
        list(llm.generate(CHAT, tokens=5))
    assert len(asked) == 1


@pytest.mark.parametrize("nonsense", ["data: <html>\n\n", 'data: {"choices": 3}\n\n', 'data: {"error": "x"}\n\n'])
def test_nonsense_is_an_error(nonsense):
    llm, _ = served(nonsense)
    with pytest.raises(LLMError, match="otherwise than the protocol"):
        list(llm.generate(CHAT, tokens=5))


def test_a_stream_that_breaks_is_an_error_after_its_pieces():
    def broken():
        yield b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\n'
        raise httpx.ReadError("gone")

    class Breaking(httpx.SyncByteStream):
        def __iter__(self):
            return broken()

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Breaking()))
    llm = ServedLLM("http://llm.test/v1#m", transport=transport, pause=0.0)
    said = llm.generate(CHAT, tokens=5)
    assert next(said) == "Hel"
    with pytest.raises(LLMError, match="gone"):
        next(said)


def likely(**tokens: float) -> str:
    rows = [{"token": token, "logprob": value} for token, value in tokens.items()]
    return json.dumps({"choices": [{"logprobs": {"content": [{"top_logprobs": rows}]}}]})


def test_scores_by_the_first_token_where_the_server_tells():
    llm, asked = served(likely(Joy=-0.5, s=-4.0, sad=-2.0, the=-1.0))
    assert llm.score(CHAT, [" joyful", " sadness", " fear"]) == [-0.5, -2.0, -math.inf]
    assert json.loads(asked[0].content)["top_logprobs"] == 20


@pytest.mark.parametrize(
    ("answer", "options", "reason"),
    [
        (json.dumps({"choices": [{"message": {"content": "joy"}}]}), [" joy", " fear"], "no log-probabilities"),
        (likely(the=-1.0), [" joy", " fear"], "no option is among"),
        (likely(an=-1.0, the=-2.0), [" anger", " anxiety"], "begin with the same token"),
    ],
)
def test_says_when_it_cannot_score(answer, options, reason):
    llm, _ = served(answer)
    with pytest.raises(Unscorable, match=reason):
        llm.score(CHAT, options)


def test_counts_from_above_and_refuses_what_does_not_fit():
    llm, _ = served(stream("x"), window=50)
    assert llm.count(CHAT) >= 5
    with pytest.raises(InputError, match="window"):
        list(llm.generate([Message("user", "word " * 50)], tokens=5))
    with pytest.raises(InputError, match="not empty"):
        llm.score(CHAT, [""])
