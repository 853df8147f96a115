"""A package of evidence: one period of one patient, from which its verdict can be made again."""
