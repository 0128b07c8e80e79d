"""`Auth`, `AsyncAuth` and `sign_out`: a session, and how it ends."""
