"""One scheme for naming pretrained weights.

`asset:minilm-l6` is a fetched file of the manifest (`asset:whisper-tiny-en/ct2` one of its parts), `hf:org/name` a
repository of the model hub, `tiny:bert` a small random network, and anything else a folder or a GGUF file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affectus import assets
from affectus.backbones.gguf import SUFFIX
from affectus.errors import CheckpointError, InputError

Scheme = Literal["asset", "hf", "tiny", "folder", "gguf"]
FORMS = "asset:NAME, hf:ORG/NAME, tiny:bert (or xlnet, whisper, llama, wav2vec2, hubert, wavlm), a folder, a GGUF file"


@dataclass(frozen=True)
class Reference:
    """Where weights are.

    Args:
        name: The reference as it was given.
        scheme: Which kind it is.
        location: A folder, a hub id, the kind of a tiny network, or a GGUF file.
    """

    name: str
    scheme: Scheme
    location: str

    @property
    def local(self) -> bool:
        """Whether loading needs no network."""
        return self.scheme != "hf"


def resolve(ref: str | Path) -> Reference:
    """Find the weights that a reference names; nothing is loaded or downloaded.

    Raises:
        InputError: If the reference has no known form.
        AssetError: If it is an asset that has not been fetched.
        CheckpointError: If it is a folder or file that does not exist.
    """
    name = str(ref)
    scheme, colon, rest = name.partition(":")
    if scheme == "asset" and colon:
        asset, _, part = rest.partition("/")
        return Reference(name, "asset", str(assets.path(asset, part or None)))
    if scheme == "hf" and colon:
        if rest.count("/") > 1 or not rest.replace("/", ""):
            raise InputError(f"{name!r} is no reference to a hub repository", allowed="hf:ORG/NAME")
        return Reference(name, "hf", rest)
    if scheme == "tiny" and colon:
        return Reference(name, "tiny", rest)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Reference(name, "folder", str(folder))
    if folder.suffix.lower() == SUFFIX and folder.is_file():
        return Reference(name, "gguf", str(folder))
    if folder.exists():
        raise CheckpointError(f"{name!r} is a file, not a model folder", allowed=FORMS)
    looks_like_hub = name.count("/") == 1 and not name.startswith((".", "/", "~")) and folder.suffix != SUFFIX
    hint = f"write 'hf:{name}' for the hub repository of that name" if looks_like_hub else ""
    raise CheckpointError(f"there is no model folder {name!r}", allowed=FORMS, remedy=hint)
