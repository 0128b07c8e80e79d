"""Pictures of machines, as text.

- `picture`: a machine as a small immutable picture; every format reads that and nothing else.
- `mermaid`, `markdown`: one function a format, listed in `formats.FORMATS`.
"""
