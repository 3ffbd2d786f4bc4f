"""A run that is killed, and a run on two processes: the same weights in the end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow

RECIPE = """
title: A small run
command: affectus train recipe.yaml --data DATA
runs:
  small:
    system: text-classifier/tiny
    config: {targets: [{scale: tweeteval-emotion-4, perspective: perceived}], dropout: DROPOUT, backbone: {name: "tiny:bert", lora: 2}}
    data: {tweeteval-emotion: 1}
    sampler: length
    epochs: 3
    batch: 8
    accumulate: 2
    checkpoint: 3
    patience: 3
    schedule: {shape: plateau}
    select: last
    optim: [{match: "*lora_*", lr: 0.01}, {match: "*", lr: 0.01}]
"""  # noqa: E501


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "tweeteval-emotion"
    folder.mkdir()
    words = ("cross", "glad", "hopeful", "sad")
    for split, n in (("train", 160), ("val", 16), ("test", 16)):
        texts = [f"{'so ' * (i % 7)}{words[i % 4]} about number {i}" for i in range(n)]
        (folder / f"{split}_text.txt").write_text("\n".join(texts) + "\n")
        (folder / f"{split}_labels.txt").write_text("\n".join(str(i % 4) for i in range(n)) + "\n")
    return folder


def recipe(folder: Path, dropout: float) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.replace("DROPOUT", str(dropout)))
    return path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "AFFECTUS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def command(file: Path, corpus: Path, out: Path, *more: str) -> list[str]:
    place = ["--data", str(corpus), "--out", str(out), "--quiet", *more]
    return ["-m", "affectus.cli", "train", str(file), *place]


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def test_a_killed_run_resumes_to_the_same_bits(tmp_path: Path, corpus: Path) -> None:
    file, env = recipe(tmp_path, 0.3), environment(tmp_path)
    subprocess.run([sys.executable, *command(file, corpus, tmp_path / "whole")], env=env, check=True)
    kills = 0
    rng = np.random.default_rng(0)
    for attempt in range(40):
        more = ["--resume"] if attempt else []
        run = subprocess.Popen([sys.executable, *command(file, corpus, tmp_path / "broken", *more)], env=env)
        states, start = tmp_path / "broken" / "run", time.monotonic()
        before = {p.name for p in states.glob("state-*[0-9]")}
        # Kill soon after it has come further than the time before, at a moment that differs from kill to kill.
        while run.poll() is None and {p.name for p in states.glob("state-*[0-9]")} <= before:
            time.sleep(0.01)
            assert time.monotonic() - start < 300
        time.sleep(rng.uniform(0, 0.2))
        if run.poll() is None and kills < 6:
            run.send_signal(signal.SIGKILL)
            kills += 1
        if run.wait() == 0:
            break
    assert kills >= 3
    whole, broken = weights(tmp_path / "whole"), weights(tmp_path / "broken")
    assert whole.keys() == broken.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, broken[name], err_msg=name)


def test_two_processes_give_the_weights_of_one(tmp_path: Path, corpus: Path) -> None:
    file, env = recipe(tmp_path, 0.0), environment(tmp_path)
    # The tiny encoder's own dropout would draw differently in two processes.
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    (quiet / "sitecustomize.py").write_text(
        "import affectus.backbones.tiny as tiny\n"
        "make = tiny._MODELS['bert']\n"
        "def still():\n"
        "    model = make()\n"
        "    for part in model.modules():\n"
        "        if hasattr(part, 'p'):\n"
        "            part.p = 0.0\n"
        "    return model\n"
        "tiny._MODELS['bert'] = still\n"
    )
    env["PYTHONPATH"] = os.pathsep.join([str(quiet), env.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, *command(file, corpus, tmp_path / "one")], env=env, check=True)
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    subprocess.run([sys.executable, *launch, *command(file, corpus, tmp_path / "two")], env=env, check=True)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    start = weights_of_no_training(tmp_path)
    for name, value in one.items():
        np.testing.assert_allclose(value, two[name], atol=2e-4, err_msg=name)
    moved = max(np.abs(one[name] - start[name]).max() for name in one)
    assert moved > 0.01  # far more than the tolerance
    assert (tmp_path / "two" / "card.json").is_file()


def weights_of_no_training(folder: Path) -> dict[str, np.ndarray]:
    from accelerate.utils import set_seed

    from affectus.registry import build

    set_seed(0)
    target = {"scale": "tweeteval-emotion-4", "perspective": "perceived"}
    system = build("text-classifier/tiny", targets=[target], backbone={"name": "tiny:bert", "lora": 2})
    return {name: value.detach().numpy() for name, value in system.owned().items()}
