"""Where local credentials live.

- `contract`: what a store promises, and the protocol to write one's own.
- `memory`: in the memory of this process.
- `file`: in files, one a session, encrypted where there is a key for it.
- `sqlite`: in a database of many sessions.
- `keyring`: in files that only the user's keyring can open.
- `tickets`, `sqlite_tickets`, `file_tickets`: where sign-outs of web back ends wait for their browsers.
"""
