"""Language models that talk: embedded, from a folder or hub, or on a server, all behind `LLM`.

from affectus.backbones.llm import Message, open_llm
llm = open_llm("smollm2")
turns = [Message("user", "I got the job!")]
print("".join(llm.generate(turns, tokens=40)))
llm.score([*turns, Message("assistant", "They feel")], [" joy", " fear"])
"""

from affectus.backbones.llm.base import LLM, Message
from affectus.backbones.llm.opening import open_llm
from affectus.backbones.llm.scripted import ScriptedLLM
from affectus.errors import LLMError, Unscorable

__all__ = ["LLM", "LLMError", "Message", "ScriptedLLM", "Unscorable", "open_llm"]
