"""The version of authsm; see CHANGELOG.md for what the numbers promise."""

__version__ = "0.1.0"
