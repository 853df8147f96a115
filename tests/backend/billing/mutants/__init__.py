"""Does a wrong rule get caught? Every small change to the rules, each held against the tests.

A mutator of our own, of two small modules: what is on offer starts a whole test run for each of
some thousand changes, while forking with the module substituted takes a second or two.
"""
