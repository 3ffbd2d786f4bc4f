"""Pictures as RGB arrays, the way a viewer shows them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from affectus.errors import AffectusError, FileError
from affectus.media.faults import Fault
from affectus.media.files import reading
from affectus.media.signature import JPEG, PNG, WEBP, identify

MAX_PIXELS = 2**27
"""Largest picture that is decoded (134 million pixels, 400 MB as RGB)."""

_TINY = 16  # pixels: smaller pictures show nothing that a reader could use


def read_image(path: Path | str, faults: list[Fault] | None = None) -> np.ndarray:
    """A picture as a viewer shows it.

    It is turned upright by its EXIF orientation, transparent parts become white, and deep, grey, palette and CMYK
    colours become 8-bit RGB.

    Args:
        path: JPEG, PNG or WebP, told by its content.
        faults: Receives `tiny`, `constant`, `animated` or `orientation-unread`.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        FileError: If it is no such picture, damaged, cut off, or larger than `MAX_PIXELS`.
    """
    from PIL import Image

    form = identify(path)
    if form not in (JPEG, PNG, WEBP):
        raise FileError(f"{str(path)!r} holds {form.noun}", allowed="JPEG, PNG or WebP", remedy="convert the picture")
    faults = faults if faults is not None else []
    try:
        with reading(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warning about size comes before ours
            with Image.open(file, formats=["JPEG", "PNG", "WEBP"]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise FileError(
                        f"{str(path)!r} measures {image.width}×{image.height} pixels",
                        allowed=f"up to {MAX_PIXELS} pixels",
                        remedy="scale it down first",
                    )
                array = _rgb(_upright(image, faults))
                pictures = getattr(image, "n_frames", 1)
                if pictures > 1:
                    faults.append(Fault("animated", text=f"first of {pictures} pictures"))
    except AffectusError:
        raise
    except Image.DecompressionBombError as error:
        raise FileError(
            f"{str(path)!r} has too many pixels", allowed=f"up to {MAX_PIXELS}", remedy="scale it down first"
        ) from error
    except Exception as error:  # Pillow's decoders raise anything from SyntaxError to struct.error on damaged data
        reason = str(error) or type(error).__name__
        raise FileError(
            f"can't decode {str(path)!r} ({form.noun}): {reason}",
            remedy="the picture is damaged or cut off; copy or export it again",
        ) from error
    if min(array.shape[:2]) < _TINY:
        faults.append(Fault("tiny", text=f"{array.shape[1]}×{array.shape[0]} pixels"))
    elif (array == array[0, 0]).all():
        faults.append(Fault("constant", text="every pixel has the same colour"))
    return array


def _upright(image: Any, faults: list[Fault]) -> Any:
    from PIL import ImageOps

    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF raises many classes, and the picture itself is sound
        faults.append(Fault("orientation-unread", text="its EXIF block is damaged; shown as stored"))
        return image


def _rgb(image: Any) -> np.ndarray:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.asarray(image)
        scale = 257.0 if image.mode.startswith("I") else 1.0  # 16-bit to 8-bit: 65535 / 255
        grey = np.clip(np.rint(values / scale), 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, picture)
    return np.array(image.convert("RGB"))
