"""What masking emotion words brings: MiniLM with LEIA's stages, in-domain and on corpora it never saw.

python benchmarks/leia.py --data ../shared/data --lexicon EMOLEX --out FOLDER [--seeds 42 43 44] [--arms plain masked]

Arms: `plain` starts the probe from MiniLM as it is; `masked` from MiniLM after masked language modelling that prefers
emotion words; `uniform` after masked language modelling of all words alike. An interrupted call goes on where it was.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from affectus.training.job import carry_out
from affectus.training.recipe import Recipe, read_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "leia" / "goemotions.yaml"
ARMS = ("plain", "masked", "uniform")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--lexicon", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    options = parser.parse_args()
    for seed in options.seeds:
        for arm in options.arms:
            made = carry_out(plan(arm, seed, options.lexicon), options.data, options.out / f"{arm}-{seed}", resume=True)
            print(arm, seed, made[-1], flush=True)


def plan(arm: str, seed: int, lexicon: str) -> Recipe:
    """The recipe of one arm and seed."""
    changes = [f"seed={seed}", f"masked.config.lexicon={lexicon if arm == 'masked' else ''}"]
    recipe = read_recipe(RECIPE, [c if c[-1] != "=" else f"{c}''" for c in changes])
    if arm != "plain":
        return recipe
    runs = {name: run for name, run in recipe.runs.items() if name != "masked"}
    return replace(recipe, runs=runs | {"probe": replace(runs["probe"], init={})})


if __name__ == "__main__":
    main()
