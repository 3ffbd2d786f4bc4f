"""Real files on disk → samples with gold labels and official splits. One file a corpus."""
