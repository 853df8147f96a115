"""The billing rules once more, from the rule table alone: slow, plain, day by day.

Nothing of `backend.billing` is imported here but by `compare`. A history is a case as the file of
cases holds it (docs/billing.md); `uncertain_s` of an event is ours: how long after its timestamp
it can still have been measured.
"""
