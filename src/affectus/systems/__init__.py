"""One file a system, independent of each other; the registry finds them by their literal cards."""
