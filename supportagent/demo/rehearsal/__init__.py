"""Scripted conversations of `../scenarios/`, played through the front door and compared with what should come of them.

Each is played in a transaction of its own that is rolled back: nothing of it stays in the database, and no worker sees
it. So a scenario may pause an agent, let a week pass or be repeated as often as one likes.
"""
