"""``make verify-aws``: tries in a real account what ``docs/fidelity.md`` says was never run."""
