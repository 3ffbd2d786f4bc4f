"""Constructed tasks, each of which takes one key piece of a published system to solve.

A card names a task as `module:function` (`Card.task`). It is called with the name of the tiny size and gives the error
that is left after learning; called once more with `Card.ablation` as keyword arguments it takes the piece away. A task
makes its own data, seeds what it draws, and takes a few seconds on one thread.
"""
