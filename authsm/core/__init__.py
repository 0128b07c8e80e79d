"""What a machine is: charts, the pure step, the driver, the reachable graph. Knows no auth and does no I/O."""
