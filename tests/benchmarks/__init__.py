"""What authsm costs beside its peers: ``python -m tests.benchmarks``.

Nothing here asserts anything about time. Every contender of a group runs in turns within the same minute, so what else
the machine does falls on all of them alike, and what is compared are ratios.
"""
