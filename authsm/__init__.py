"""Explicit state machines for authentication flows."""
