"""The law of sign-out.

- `chart`: the states and transitions, and nothing else anywhere says them again.
- `context`: what a sign-out remembers, and the guards.
- `plan`: policy, facts of the session and authority, settled before the first step.
- `policy`: what the embedding application chooses.
- `effects`: what a sign-out asks for, and the replies.
- `results`: what it ends in.
"""
