import subprocess
import sys

HEAVY = ("torch", "pandas", "pyarrow", "cv2", "av", "sklearn", "transformers", "onnxruntime", "scipy")


def modules_after(statement):
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_import_loads_nothing_heavy():
    assert not set(HEAVY) & set(modules_after("import affectus"))


def test_the_command_line_starts_light():
    assert not set(HEAVY) & set(modules_after("import affectus.cli.app"))


def test_listing_systems_imports_none():
    loaded = modules_after("import affectus; affectus.systems()")
    assert not {"torch", "pandas"} & set(loaded)
    assert not [m for m in loaded if m.startswith("affectus.systems.")]
