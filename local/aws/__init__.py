"""AWS on this machine: moto's server as a process of its own, and what moto lacks of it."""
