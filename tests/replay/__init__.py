"""A public benchmark's shop, connected through the admin's forms and played through the gate. `make mcp-replay`."""
