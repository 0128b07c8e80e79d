"""Pictures of machines.

- `picture`: a machine as a small immutable picture, which is all that a format reads; `spine` finds its main line.
- `mermaid`, `sequence`, `dot`, `markdown`, `scxml`, `data` (JSON), `svg`: a function a format, listed in `formats`.
- `layout`, `paint`, `text`, `graphviz`: what `svg` is made of.
"""
