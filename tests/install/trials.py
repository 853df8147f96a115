"""What an installed hub has to bear, under a real systemd and in the sandbox of its unit."""

from tests.install.asking import (
    ENOUGH_S,
    SETTINGS,
    diagnose,
    drop_in,
    expect,
    expect_marks,
    follow,
    status,
    wait_until,
)
from tests.install.words import find_blocks

WATCHDOG_S = 8
STARTS = 5  # that systemd allows
SETUP_WRONG = "78"
NEWER = "0.1.0.post1"


def the_units_hold_as_installed(office, hub):
    for machine, units in (
        (office, ("vitalpost-backend.service", "vitalpost-at-risk.service")),
        (hub, ("vitalpost.service", "vitalpost-again.timer", "vitalpost-again.service")),
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


def the_hub_tells_how_it_stands(_office, hub):
    said = hub.run("vitalpost status 2>&1", wanted=(0, 1))
    for line in ("hub-1    vitalpost ", "uplink   connected", "outbox   0 waiting", "storage  "):
        expect(line in said, said)


def the_doctor_tells_it_as_it_is(_office, hub):
    told = diagnose(hub)
    expect_marks(told, "ok", "settings settings-in-use version hub watchdog credentials")
    expect_marks(told, "ok", "certificate sealing storage outbox dns tls broker round-trip")
    expect_marks(told, "fail", "adapter bluetoothd")


def what_it_records_is_receipted(office, hub):
    # A damaged outbox is the one thing that a hub without any device has to record.
    hub.run(
        "systemctl stop vitalpost && echo rubbish > /var/lib/vitalpost/outbox.db"
        " && rm -f /var/lib/vitalpost/outbox.db-wal && systemctl start vitalpost"
    )
    wait_until(hub, 'now["uplink"]["last_receipt_ms"] and not now["outbox"]["waiting"]')
    hubs = "runuser -u vitalpost-backend -- vitalpost-backend hubs"
    said = office.run(hubs, wanted=(0, 1))  # 1: the damaged outbox has taken its epoch along
    expect("hub-1" in said, said)


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
    ended = hub.run("systemctl show -p ExecMainStatus,NRestarts vitalpost").split()
    expect(set(ended) == {f"ExecMainStatus={SETUP_WRONG}", "NRestarts=0"}, ended)
    hub.run(f"mv /root/whole {SETTINGS} && systemctl start vitalpost")


def a_hub_that_keeps_failing_is_started_for_ever(_office, hub):
    # The timer waits since the trial before: it elapses where systemd refuses the hub.
    starts = "/var/lib/vitalpost/starts"
    minutes_as_seconds = "[Unit]\nStartLimitIntervalSec=10s\n[Service]\nRestartSec=100ms\n"
    failing = f"ExecStart=\nExecStart=/bin/sh -c 'echo once >> {starts}; exit 1'\n"
    again = "[Timer]\nOnActiveSec=\nOnActiveSec=11s\nAccuracySec=1s\n"
    with (
        drop_in(hub, "vitalpost-again.timer", again),
        drop_in(hub, "vitalpost.service", minutes_as_seconds + failing),
    ):
        hub.run("systemctl restart vitalpost", wanted=(1,))
        hub.wait_for(f"test $(wc -l < {starts}) -gt {2 * STARTS}", ENOUGH_S)
        hub.run(f"systemctl stop vitalpost vitalpost-again.timer; rm {starts}")
    hub.run("systemctl reset-failed vitalpost && systemctl start vitalpost")


def a_hub_that_stands_still_is_started_anew(_office, hub):
    lines = f"[Service]\nWatchdogSec={WATCHDOG_S}\nTimeoutAbortSec=2\n"
    with drop_in(hub, "vitalpost.service", lines):
        hub.run("systemctl restart vitalpost")
        before = hub.run("systemctl show -P MainPID vitalpost").strip()
        hub.run(f"kill -STOP {before}")
        hub.wait_for(
            "systemctl is-active --quiet vitalpost"
            f' && test "$(systemctl show -P MainPID vitalpost)" != {before}',
            ENOUGH_S,
        )
    expect("watchdog" in hub.run("journalctl -u vitalpost --no-pager"), "no word of the watchdog")


def a_newer_version_is_installed_in_place(_office, hub):
    hub.run(f"sed -i '/^format = /d' {SETTINGS}")  # as the first version wrote them
    hub.run(f"sed -i 's/^version = .*/version = \"{NEWER}\"/' vitalpost/pyproject.toml")
    for _, lines in find_blocks("docs/operations.md"):
        follow(hub, lines)
    wait_until(hub, f'now["software"] == "vitalpost {NEWER}" and now["uplink"]["connected"]')
    said = hub.run(f"grep '^format = ' {SETTINGS} && stat -c '%U %G %a' {SETTINGS}*")
    expect(said.split("\n")[1:3] == ["root vitalpost 640"] * 2, said)


def keys_are_sealed_on_the_card(_office, hub):
    for _, lines in find_blocks("docs/keys.md"):
        hub.run(lines)
    hub.run("test ! -e /etc/vitalpost/credentials/hub.sign.key")
    wait_until(hub, 'now["uplink"]["connected"]')


TRIALS = (
    the_units_hold_as_installed,
    the_hub_is_shut_in,
    the_hub_comes_to_the_broker,
    the_hub_tells_how_it_stands,
    the_doctor_tells_it_as_it_is,
    what_it_records_is_receipted,
    a_spoilt_settings_file_stops_no_hub,
    a_hub_without_settings_is_tried_again,
    a_hub_that_keeps_failing_is_started_for_ever,
    a_hub_that_stands_still_is_started_anew,
    a_newer_version_is_installed_in_place,
    keys_are_sealed_on_the_card,
)
