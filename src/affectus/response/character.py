"""Who replies: a YAML file with a name, Big Five, style and limits."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from affectus.errors import ConfigError, FileError, suggest
from affectus.sample import Persona

DEFAULT = "friendly"
Share = Annotated[float, Field(ge=0, le=1)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Traits(_Part):
    """The Big Five, each from 0 to 1; 0.5 is the middle."""

    openness: Share = 0.5
    conscientiousness: Share = 0.5
    extraversion: Share = 0.5
    agreeableness: Share = 0.5
    neuroticism: Share = 0.5


class Limits(_Part):
    """What a reply may not be.

    Args:
        words: Most words.
        sentences: Most sentences; what a model says beyond them is left out.
        never: Phrases that never stand in a reply.
    """

    words: Annotated[int, Field(ge=5, le=200)] = 60
    sentences: Annotated[int, Field(ge=1, le=10)] = 2
    never: tuple[Line, ...] = ()


class Character(_Part):
    """Who replies.

    Args:
        name: In prompts and transcripts.
        traits: The Big Five.
        style: How it talks, a few adjectives or a sentence.
        languages: What it may answer in (BCP-47). Turns in others get a plain statement instead of a reply.
        limits: What a reply may not be.
        hand_over: What is said instead of a reply when somebody may be in danger; put the help there that your users
            can reach.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    traits: Traits = Traits()
    style: Line = "kind and brief"
    languages: Annotated[tuple[Line, ...], Field(min_length=1)] = ("en",)
    limits: Limits = Limits()
    hand_over: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]

    @property
    def persona(self) -> Persona:
        """As a part of a dialogue."""
        return Persona(self.name, self.traits.model_dump(), {"style": self.style})


_FIELDS = {"traits": Traits.model_fields, "limits": Limits.model_fields}


def load_character(path: Path | str = DEFAULT) -> Character:
    """Read a character from YAML.

    Args:
        path: File, or `friendly`, which is shipped. What a file leaves out is taken from there.

    Raises:
        FileError: If there is no such file or it can't be read.
        ConfigError: If it is not YAML, has an unknown key, or a value out of range; the key is named.
    """
    shipped = _parse(resources.files("affectus.response").joinpath("data", f"{DEFAULT}.yaml").read_text("utf-8"), "")
    if str(path) == DEFAULT:
        return _checked(shipped, DEFAULT)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise FileError(f"the persona {str(path)!r} can't be read: {reason}", remedy="check the path") from error
    return _checked(shipped | _parse(text, str(path)), str(path))


def _parse(text: str, path: str) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"the persona {path!r}{where} is not YAML", allowed="lines like `style: warm`") from error
    if not isinstance(found, dict):
        raise ConfigError(f"the persona {path!r} holds no keys", allowed=", ".join(Character.model_fields))
    return found


def _checked(values: dict[str, Any], path: str) -> Character:
    try:
        return Character.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = list(_FIELDS.get(str(first["loc"][0]), Character.model_fields))
            raise ConfigError(
                f"the persona {path!r} has an unknown key {key!r}",
                allowed=", ".join(known),
                remedy=suggest(str(first["loc"][-1]), known),
            ) from None
        raise ConfigError(f"the persona {path!r}: {key} is {first['input']!r}", allowed=first["msg"]) from None
