"""What an installed hub has to bear, under a real systemd and in the sandbox of its unit."""

import json

from tests.install.machine import Failed
from tests.install.words import find_blocks

WATCHDOG_S = 8
ENOUGH_S = 120
SETTINGS = "/etc/vitalpost/gateway.toml"


def status(hub):
    return json.loads(hub.run("vitalpost status --json 2>/dev/null", wanted=(0, 1)))


def expect(claim, found):
    if not claim:
        raise Failed(str(found))


def wait_until(hub, claim):
    """Until that is true of the hub's status, a Python expression in `now`."""
    asking = f"""vitalpost status --json 2>/dev/null | python3 -c '
import json, sys
now = json.load(sys.stdin)
sys.exit(not ({claim}))'"""
    hub.wait_for(asking, ENOUGH_S)


def the_units_hold_as_installed(office, hub):
    for machine, units in (
        (office, ("vitalpost-backend.service", "vitalpost-at-risk.service")),
        (hub, ("vitalpost.service", "vitalpost-again.timer")),
    ):
        said = machine.run(f"systemd-analyze --man=no verify {' '.join(units)} 2>&1")
        expect(not said, said)
        machine.run(f"systemctl is-active {units[0]}")
    office.run("systemctl is-active vitalpost-at-risk.timer && systemctl start vitalpost-at-risk")
    office.run("test -s /var/lib/vitalpost-backend/at-risk.json")


def the_hub_is_shut_in(_office, hub):
    main = hub.run("cat /proc/$(systemctl show -P MainPID vitalpost)/status")
    for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        expect(line in main, main)


def the_hub_comes_to_the_broker(_office, hub):
    wait_until(hub, 'now["uplink"]["connected"]')


def what_it_records_is_receipted(office, hub):
    # A damaged outbox is the one thing that a hub without any device has to record.
    hub.run(
        "systemctl stop vitalpost && echo rubbish > /var/lib/vitalpost/outbox.db"
        " && rm -f /var/lib/vitalpost/outbox.db-wal && systemctl start vitalpost"
    )
    wait_until(hub, 'now["uplink"]["last_receipt_ms"] and not now["outbox"]["waiting"]')
    office.run("runuser -u vitalpost-backend -- vitalpost-backend hubs | grep hub-1")


def a_spoilt_settings_file_stops_no_hub(_office, hub):
    hub.run(f"cp -p {SETTINGS} /root/whole && head -c 700 /root/whole > {SETTINGS}")
    process = hub.run("systemctl show -P MainPID vitalpost")
    hub.run("systemctl reload vitalpost", wanted=(1,))
    expect(hub.run("systemctl show -P MainPID vitalpost") == process, "a reload ended the hub")
    hub.run("systemctl restart vitalpost")
    expect(status(hub)["settings"]["last_good"], status(hub))
    wait_until(hub, 'now["uplink"]["connected"]')
    hub.run(f"cp -p /root/whole {SETTINGS} && systemctl reload vitalpost")
    wait_until(hub, 'not now["settings"]["last_good"]')


def a_hub_without_settings_is_tried_again(_office, hub):
    hub.run(f"mv {SETTINGS} /root/whole && systemctl restart vitalpost", wanted=(1,))
    hub.wait_for("systemctl is-active vitalpost-again.timer", ENOUGH_S)
    hub.run(f"mv /root/whole {SETTINGS} && systemctl start vitalpost")


def a_hub_that_stands_still_is_started_anew(_office, hub):
    drop_in = "/run/systemd/system/vitalpost.service.d/quick.conf"
    lines = f"[Service]\nWatchdogSec={WATCHDOG_S}\nTimeoutAbortSec=2\n"
    hub.run(f"mkdir -p $(dirname {drop_in}) && cat > {drop_in} <<'END'\n{lines}END")
    hub.run("systemctl daemon-reload && systemctl restart vitalpost")
    before = hub.run("systemctl show -P MainPID vitalpost").strip()
    hub.run(f"kill -STOP {before}")
    hub.wait_for(
        "systemctl is-active --quiet vitalpost"
        f' && test "$(systemctl show -P MainPID vitalpost)" != {before}',
        ENOUGH_S,
    )
    expect("watchdog" in hub.run("journalctl -u vitalpost --no-pager"), "no word of the watchdog")
    hub.run(f"rm {drop_in} && systemctl daemon-reload")


def keys_are_sealed_on_the_card(_office, hub):
    for _, lines in find_blocks("docs/keys.md"):
        hub.run(lines)
    hub.run("test ! -e /etc/vitalpost/credentials/hub.sign.key")
    wait_until(hub, 'now["uplink"]["connected"]')


TRIALS = (
    the_units_hold_as_installed,
    the_hub_is_shut_in,
    the_hub_comes_to_the_broker,
    what_it_records_is_receipted,
    a_spoilt_settings_file_stops_no_hub,
    a_hub_without_settings_is_tried_again,
    a_hub_that_stands_still_is_started_anew,
    keys_are_sealed_on_the_card,
)
