"""Other people's use of the test kit: these files also run by themselves, beside nothing but the built wheel."""
