"""A causal language model that answers dialogues, fine-tuned on them through low-rank adapters; an own system.

The parts are known ones: instruction tuning on the answer's tokens alone (Ouyang et al. 2022, arXiv:2203.02155),
low-rank adapters (Hu et al. 2021, arXiv:2106.09685) on all linear layers (Dettmers et al. 2023, arXiv:2305.14314), the
emotion of a dialogue as words before it (Rashkin et al. 2019, arXiv:1811.00207, who put a predicted label there).
Verified: the loss and the tokens that are learned, against a plain computation; that adapters alone are trained and
stored.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from affectus import backbones
from affectus.affect import Affect
from affectus.backbones import Backbone
from affectus.backbones.llm.local import TransformersLLM
from affectus.batch import Batch
from affectus.card import Card
from affectus.config import Config
from affectus.errors import ConfigError
from affectus.frontends.chats import NOTHING, ChatCollate
from affectus.frontends.replies import Rehearsed, label_meant, talks_of
from affectus.reply import Reply
from affectus.sample import Dialogue, Item, as_items
from affectus.system import System
from affectus.taxonomy import Target, scale

REPLY = "reply"
# The linear layers of Llama and its kin: SmolLM2, Qwen, Mistral, Gemma.
LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ADAPTED = Backbone(name="asset:smollm2-135m", lora=16, alpha=32.0, match=LLAMA)
SCENE = "You listen to somebody and answer in one or two short sentences."
Emotion = Literal["gold", "unnamed"]


@dataclass(frozen=True, kw_only=True)
class ChatLMConfig(Config):
    """Configuration of `ChatLM`.

    Args:
        targets: The scale of the emotions that are named: exactly one of kind one-of.
        backbone: The language model, which needs a chat template, and how it takes part in training.
        scene: The system message.
        aware: Whether the emotion of a dialogue is named behind it, where gold tells or one is given.
        unnamed: Share of chats in training in which it is not, so that the model answers without it too.
        longest: Tokens of a chat, system message and template included.
        reply_longest: Most tokens of a generated reply.
    """

    targets: tuple[Target, ...] = (Target("empathetic-dialogues-32", "felt"),)
    backbone: Backbone = ADAPTED
    scene: str = SCENE
    aware: bool = True
    unnamed: Annotated[float, Field(ge=0, le=1)] = 0.5
    longest: Annotated[int, Field(ge=16)] = 256
    reply_longest: Annotated[int, Field(ge=1)] = 60


class ChatLM(System):
    """Answers dialogues as a chat in the template of its language model.

    Args:
        config: Names and sizes.
    """

    Config = ChatLMConfig
    modality = "text"
    default_run: ClassVar[dict[str, Any]] = {
        "epochs": 2,
        "batch": 8,
        "select": "best",
        "sampler": "length",
        "optim": [{"lr": 3e-4}],
    }

    def __init__(self, config: ChatLMConfig) -> None:
        super().__init__(config)
        if len(config.targets) != 1 or scale(config.targets[0].scale).kind != "one-of":
            raise ConfigError(
                f"targets are {', '.join(t.scale for t in config.targets) or 'none'}",
                allowed="exactly one scale of kind one-of",
            )
        self.backbone = backbones.causal_lm(config.backbone)
        self.collate = ChatCollate(
            config.backbone.name, config.targets[0], config.scene, config.aware, config.unnamed, config.longest
        )

    def forward(self, ids: Tensor, valid: Tensor, places: Tensor) -> dict[str, Tensor]:
        """Logits of the next token (chats, k, vocabulary) at the k places; arguments as `ChatCollate` makes them."""
        out = self.backbone(input_ids=ids, attention_mask=valid.long(), use_cache=False, logits_to_keep=places)
        return {REPLY: out.logits}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of a token of the replies; 0 in a batch without any."""
        logits, tokens = outputs[REPLY].flatten(0, 1), batch.targets["tokens"].flatten()
        total = F.cross_entropy(logits, tokens, ignore_index=NOTHING, reduction="sum")
        return {REPLY: total / (tokens != NOTHING).sum().clamp(min=1)}

    # -- answering ---------------------------------------------------------------------------------------------------
    def llm(self) -> TransformersLLM:
        """The language model as it is now, for an `Agent` or to be asked by messages."""
        return TransformersLLM(self.config.backbone.name, self.name, model=self.eval().backbone)

    def respond(self, dialogue: Dialogue, intended: Affect | None = None) -> Reply:
        """The likeliest reply to what was said last, token by token (greedy).

        Args:
            dialogue: What was said. Turns of `listener` are its own; where nobody is called that, those of everybody
                but the last speaker.
            intended: The emotion to name as the speaker's, on the system's scale or one with a map to it; none is
                named without it.

        Raises:
            InputError: If nothing is said at the end, that is too long, or no map leads from `intended` to the scale.
        """
        began = time.perf_counter()
        labels = scale(self.config.targets[0].scale).labels
        emotion = None if intended is None else labels[label_meant(intended, self.config.targets[0].scale)]
        told = emotion if self.config.aware else None
        chat, left_out = self.collate.asking(dialogue.turns, told)  # type: ignore[attr-defined]
        text = "".join(self.llm().generate(chat, tokens=self.config.reply_longest)).strip()
        reasons = [f"the speaker feels {told}, as told"] * (told is not None)
        reasons += [f"the {left_out} oldest turns are left out"] * (left_out > 0)
        seconds = {"all": time.perf_counter() - began}
        return Reply(text, intended=intended, reasons=tuple(reasons), by={"text": self.name}, seconds=seconds)

    def rehearse(self, items: Iterable[Item], *, emotion: Emotion = "gold", write: bool = True) -> Iterator[Rehearsed]:
        """For each reply in some dialogues: how likely it is, and what the system says there (greedy).

        Args:
            items: Dialogues; a reply of one that is too long for `longest` sees the part that it is in.
            emotion: Whether the gold emotion is named where there is some.
            write: Whether the system answers too.
        """
        collate: Any = self.collate
        llm = self.llm()
        for turns in talks_of(as_items(items)):
            named = emotion == "gold" and self.config.aware
            for chat in collate.chats(turns, collate.emotion(turns) if named else None):
                ids, said = collate.prompt.learned(chat)
                surprise = self._surprise(ids)
                at = [i for i, message in enumerate(chat) if message.role == "assistant"]
                for place, (start, end) in zip(at, _runs(said), strict=True):
                    reply = llm.generate(chat[:place], tokens=self.config.reply_longest) if write else ()
                    yield Rehearsed(
                        chat[place].content, "".join(reply).strip(), float(surprise[start:end].sum()), end - start
                    )

    @torch.no_grad()
    def _surprise(self, ids: list[int]) -> Tensor:
        """−ln p of each token after the ones before it (t,); 0 for the first."""
        row = torch.tensor([ids], device=self.device)
        logits = self.eval().backbone(input_ids=row, use_cache=False).logits[0, :-1]
        return F.pad(F.cross_entropy(logits, row[0, 1:], reduction="none"), (1, 0)).cpu()


def _runs(said: list[bool]) -> Iterator[tuple[int, int]]:
    """Beginning and end of each run of true values."""
    edges = [at for at in range(len(said) + 1) if (at < len(said) and said[at]) != (at > 0 and said[at - 1])]
    return zip(edges[::2], edges[1::2], strict=True)


CARD = Card(
    system="chat-lm",
    cls="ChatLM",
    roles=("responder",),
    modalities=("dialogue",),
    unit="turn",
    title="Replies by a causal language model in its chat template, fine-tuned with low-rank adapters",
    paper="own system, of known parts: Hu et al. 2021, LoRA, arXiv:2106.09685; Rashkin et al. 2019, arXiv:1811.00207",
    licence="Apache-2.0; language models have terms of their own",
    proof="own system",
    limits="Writes what the language model and its training dialogues make likely. No filter looks at what it says; "
    "`affectus chat` and `respond` put the checks of the agent around it.",
    ablation={"aware": False},
    ablated="The emotion is not named.",
    task="affectus.testing.tasks.first_word:first_word",
)

VARIANTS = {
    "tiny": ChatLMConfig(
        backbone=Backbone(name="tiny:llama"), scene="Hm.", unnamed=0.0, longest=160, reply_longest=8,
    ),
    "smollm2": ChatLMConfig(),
}  # fmt: skip
