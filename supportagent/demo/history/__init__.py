"""Four weeks of work that never happened: sample rows with dates of the past, so that every page has something to show.

`stories` says what customers write about and how such conversations end, `plan` draws conversations from it, the other
modules turn each into the rows that the verbs would have left. The verbs themselves are not used: they would date
everything now.
"""
