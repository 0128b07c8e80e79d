"""``python -m authsm.cli``: the command, where its script is not on the path."""

from authsm.cli import main

main()
