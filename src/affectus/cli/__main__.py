"""`python -m affectus.cli`."""

from affectus.cli import main

main()
