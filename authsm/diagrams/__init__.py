"""Pictures of machines.

- `picture`: a machine as a small immutable picture, which is all that a format reads; `spine` finds its main line.
- `mermaid`, `sequence`, `dot`, `markdown`, `scxml`, `data` (JSON), `svg`: a function a format, listed in `formats`.
- `explorer`: a page on which one clicks through a machine; `tour` finds the ways, `sign_out_tour` and `sign_out_facts`
  say how a sign-out is shown, `expressions` writes the tests that readers copy.
- `layout`, `paint`, `text`, `graphviz`: what `svg` is made of.
"""
