"""Sign-outs in real processes that are killed, at each of the system calls by which they change anything."""
