"""What the demo shop "Harbour & Pine" holds: data in one place, the writers that put it in beside it."""
