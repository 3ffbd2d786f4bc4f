"""Pinned, hashed, licensed model files: what exists, where it is cached, and how it gets there.

from affectus import assets
assets.fetch("default")                   # online, once
assets.path("whisper-tiny-en")            # folder for transformers; never fetches
assets.path("whisper-tiny-en", "ct2")     # folder for faster-whisper
"""

from affectus.assets.cache import Status, disk_use, listing, path, remove, root, verify
from affectus.assets.fetching import fetch
from affectus.assets.manifest import Asset

__all__ = ["Asset", "Status", "disk_use", "fetch", "listing", "path", "remove", "root", "verify"]
