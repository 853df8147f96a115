"""What the running hub says of itself is amiss, beside what the other checks ask."""

from __future__ import annotations

from gateway.doctor.finding import Finding, fail, ok, warn
from gateway.doctor.site import Site


def look_at_reports(site: Site) -> Finding:
    """The gravest problem of the status: what the hub cannot heal comes first."""
    problems = site.status["problems"]
    if not problems:
        return ok("the hub knows of nothing that is amiss")
    gravest = next((each for each in problems if each["needs_help"]), None)
    if gravest:
        return fail("{0}", "{1}", gravest["what"], gravest["hint"])
    first = problems[0]
    return warn("{2} things, the first: {0}", "{1}", first["what"], first["hint"], len(problems))
