"""Puts this folder on the path, so that any test may say `from media_samples import make_wav`."""
