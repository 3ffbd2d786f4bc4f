"""Take the picture of the report for the README, with a headless Chromium.

affectus analyze examples --out results/demo
python docs/scripts/report_picture.py results/demo/report.html
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[1] / "images" / "report.png"
SIZE = (1100, 1130)  # pixels


def main(report: Path, top: int = 0) -> None:
    """Write `docs/images/report.png`.

    Args:
        report: The page.
        top: Pixels to leave out above the picture.
    """
    from PIL import Image

    browser = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if browser is None:
        sys.exit("no Chromium was found: install it, or take the picture by hand")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=4000",
        ]
        command += [f"--window-size={SIZE[0]},{SIZE[1] + top}", f"--screenshot={shot}", report.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        picture = Image.open(shot).convert("RGB").crop((0, top, SIZE[0], SIZE[1] + top))
        PICTURE.parent.mkdir(exist_ok=True)
        picture.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
