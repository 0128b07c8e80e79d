"""Where local credentials live.

- `contract`: what a store promises, and the protocol to write one's own.
- `memory`: in the memory of this process.
- `file`: in files that are not encrypted.
"""
