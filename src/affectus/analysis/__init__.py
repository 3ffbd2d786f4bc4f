"""The main job: from raw files to one timeline of emotion, with results and a report on disk when asked for."""

from affectus.analysis.expressions import contrast, plot_contrast
from affectus.analysis.listener import Listener
from affectus.analysis.run import analyze
from affectus.analysis.settings import Settings

__all__ = ["Listener", "Settings", "analyze", "contrast", "plot_contrast"]
