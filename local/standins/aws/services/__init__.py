"""The services, one module each: a declaration for every type, and the functions behind it."""
