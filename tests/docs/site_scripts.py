"""The scripts of docs/, importable from tests."""

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "scripts"))

benchmark_results = importlib.import_module("benchmark_results")
catalogue = importlib.import_module("catalogue")
changelog = importlib.import_module("changelog")
command_line = importlib.import_module("command_line")
docstrings = importlib.import_module("docstrings")
file_formats = importlib.import_module("file_formats")
leaderboard = importlib.import_module("leaderboard")
readme_table = importlib.import_module("readme_table")
recipes = importlib.import_module("recipes")
settings = importlib.import_module("settings")
