import pytest
from typer.testing import CliRunner

from affectus import registry
from affectus.errors import AffectusError


@pytest.fixture
def run():
    """Call the command line in this process: (exit code, stdout, stderr)."""
    from affectus.cli.app import app

    def call(*words, text=None):
        result = CliRunner().invoke(app, [str(w) for w in words], input=text)
        error = result.exception
        if isinstance(error, AffectusError):  # what `main` turns into one line and exit code 2
            return 2, result.stdout, f"affectus: {error}"
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture
def text_reader():
    """Skip where the shipped text reader is absent."""
    if "affectus/text-goemotions" not in registry.checkpoints():
        pytest.skip("the text reader is not in this tree")
