"""NetworkPolicies against real connections: the world they are tried in, the cases, and how they are tried."""
