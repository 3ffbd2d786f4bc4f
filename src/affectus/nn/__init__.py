"""Blocks that three systems or more share."""
