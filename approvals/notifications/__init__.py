"""Telling people and other systems about requests and other things, by e-mail and by signed webhook.

`announcing` finds what is worth telling and writes one `Notice` with a `Delivery` per recipient. `topics` are what
notices can be about, of which approval requests (`requests`) are one. `outbox` takes one
delivery at a time and sends it outside any transaction, at least once: a process that dies between sending and
writing it down leaves a message that is sent again with the same id. `sender` is the thread that does so.
"""
