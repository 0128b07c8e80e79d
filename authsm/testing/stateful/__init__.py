"""Your own implementation of a machine, held against the machine by Hypothesis."""
