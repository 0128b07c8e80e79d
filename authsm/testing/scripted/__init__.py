"""Parts for your own tests: a runner that answers by script, a clock that moves when told, sessions, schedules."""
