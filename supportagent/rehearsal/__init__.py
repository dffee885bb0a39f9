"""Conversations as scenarios: the files' format, and how a finished ticket becomes one without anybody's data in it.

Playing them takes a shop, so that is `supportagent.demo.rehearsal`. What agents may be compared by is `comparing`.
"""
