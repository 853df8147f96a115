"""What was installed: settings, version, and the unit that watches the hub."""

from __future__ import annotations

import time
from importlib.metadata import distribution, version
from pathlib import Path

from gateway.doctor.finding import Finding, NotSeen, Term, fail, ok, warn
from gateway.doctor.site import AS_HUB, FIRST_HUB, UNIT, Site
from gateway.errors import ConfigError, NotAllowed
from gateway.preflight import find_faults
from gateway.words import span

CHECK_SETTINGS = "`vitalpost config check` names every fault."
MEND = "Mend it (`vitalpost config check`), then `systemctl reload vitalpost`."
RESTART = "`systemctl restart vitalpost` when nobody is measuring."


def look_at_settings(site: Site) -> Finding:
    """Whether the settings file is there and without a fault."""
    if site.is_settings_closed:
        return fail("you may not read {0}", AS_HUB, site.path)
    faults = site.faults or [each for each in find_faults(site.path) if not _is_key(site, each)]
    if not faults:
        return ok("{0} is without a fault", site.path)
    first = faults[0]
    if len(faults) > 1:
        return fail("{0} faults in {1}", CHECK_SETTINGS, len(faults), site.path)
    named = (first.path, first.found, Term(first.wanted), first.hint)
    return fail("{0}: found {1}, wanted {2}", "{3}", *named)


def look_at_settings_in_use(site: Site) -> Finding:
    """Whether the hub runs on the file as it is now."""
    status = site.status
    if status.get("settings", {}).get("last_good"):
        return fail("the file is at fault: the hub runs on its last good settings", MEND)
    age_s = time.time() - site.path.stat().st_mtime
    if age_s < status["running_s"]:
        return warn("the file was changed {0} ago, after the hub had read it", RESTART, _old(age_s))
    return ok("the hub runs on the file as it is")


def look_at_hub(site: Site) -> Finding:
    """Whether the hub runs and answers."""
    if isinstance(site.absence, NotAllowed):
        return fail("you may not ask the hub", "{0}", site.absence.hint)
    if site.control is None:
        return fail("no settings say where the hub is asked", FIRST_HUB)
    if site.absence:
        return fail("the hub does not answer", "{0}", site.absence.hint)
    return ok("it has run for {0}", Term(span(site.status["running_s"])))


def look_at_version(site: Site) -> Finding:
    """Which version is installed since when, and whether it is the one that runs."""
    installed = f"vitalpost {version('vitalpost')}"
    since = ""
    if files := distribution("vitalpost").files:
        made = Path(str(files[0].locate())).parent.stat().st_mtime
        since = f", installed {_old(time.time() - made)} ago"
    if site.status_told and site.status_told["software"] != installed:
        runs = Term(site.status_told["software"])
        return warn("{0} is installed, {1} runs", RESTART, Term(installed), runs)
    return ok("{0}{1}", Term(installed), Term(since))


def look_at_watchdog(site: Site) -> Finding:
    """Whether systemd restarts the hub if it ends, or hangs."""
    shown = site.show_unit(UNIT)
    if shown.get("LoadState") != "loaded":
        return fail(
            "the unit {0} is not installed", "Install systemd/vitalpost.service.", Term(UNIT)
        )
    if shown.get("ActiveState") == "inactive":  # systemd tells it of what it has started
        raise NotSeen("systemd does not run the hub", FIRST_HUB)
    restarts = int(shown.get("NRestarts", "0"))
    if shown.get("WatchdogUSec", "0") in {"0", "infinity"}:
        return warn(
            "a hub that hangs is not restarted", "Set WatchdogSec= as the shipped unit does."
        )
    return ok("the hub is watched; {0} restarts since it was started by hand", restarts)


def _is_key(site: Site, fault: ConfigError) -> bool:
    """Whether it is a fault of a credential: those have a check of their own."""
    return fault.path.startswith(str(site.settings.credentials))


def _old(seconds: float) -> Term:
    return Term(span(max(0, int(seconds))))
