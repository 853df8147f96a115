"""What the installed rules allow the hub's user, and nobody else; and how the units are shut in."""

import re

from tests.install.asking import expect
from tests.install.words import find_blocks

LIMIT = 1.5
LIMIT_WITH_DEVICES = 1.7
GROUPS = ("dialout", "gpio")
# As the hub asks it (gateway/links/systemd1.py), with the namespaces of its unit.
SHUT_IN = "-p User=vitalpost -p PrivateUsers=yes -p NoNewPrivileges=yes -p ProtectSystem=strict"
ASKED = """/opt/vitalpost/bin/python -c '
import asyncio
from gateway.links.systemd1 import restart_unit
asyncio.run(restart_unit("bluetooth.service"))'"""
ALLOWED, REFUSED = (0,), (1, 2)  # 2: were somebody there to show who he is
NOT_ALLOWED = (
    "runuser -u vitalpost -- systemctl --no-ask-password stop bluetooth",
    "runuser -u vitalpost -- systemctl --no-ask-password restart dbus",
    "runuser -u vitalpost -- systemctl --no-ask-password restart ssh",
    "runuser -u vitalpost -- systemctl --no-ask-password restart cron",
    "runuser -u vitalpost -- systemctl --no-ask-password restart vitalpost",
    "runuser -u vitalpost -- systemctl --no-ask-password reboot",
    "runuser -u daemon -- systemctl --no-ask-password restart bluetooth",
)
# Of their packages the actions alone: which ids Debian's ModemManager and NetworkManager have.
ACTIONS = """cd /tmp
apt-get download -qq modemmanager network-manager 2>/dev/null
for package in *.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C / --wildcards './usr/share/polkit-1/actions/*'
done
systemctl restart polkit"""
MODEM, NETWORK = "org.freedesktop.ModemManager1", "org.freedesktop.NetworkManager"
ALLOWED_ACTIONS = (f"{MODEM}.Device.Control", f"{MODEM}.Time", f"{NETWORK}.network-control")
OTHER_ACTIONS = (
    f"{MODEM}.Messaging",
    f"{NETWORK}.enable-disable-network",
    f"{NETWORK}.enable-disable-wwan",
    f"{NETWORK}.settings.modify.system",
    f"{NETWORK}.settings.modify.own",
)


def the_units_are_shut_in_as_systemd_sees_them(office, hub):
    expect_exposure(office, "vitalpost-backend vitalpost-at-risk", LIMIT)
    expect_exposure(hub, "vitalpost", LIMIT)


def the_hub_may_restart_bluetooth_and_nothing_else(_office, hub):
    hub.run(f"systemd-run --quiet --pipe --wait --collect {SHUT_IN} {ASKED}")
    for line in NOT_ALLOWED:
        said = hub.run(f"{line} 2>&1", wanted=(1,))
        expect("authentication required" in said, f"{line}: {said}")


def the_hub_may_mend_a_modem_and_no_more_of_the_network(_office, hub):
    hub.run(ACTIONS)
    for action in ALLOWED_ACTIONS:
        ask_polkit(hub, "vitalpost", action, ALLOWED)
        ask_polkit(hub, "daemon", action, REFUSED)
    for action in OTHER_ACTIONS:
        ask_polkit(hub, "vitalpost", action, REFUSED)


def nobody_finds_fault_with_the_rules(_office, hub):
    said = hub.run("""since=$(date +%s)
systemctl reload dbus
systemctl restart polkit
journalctl --no-pager --since @$since -u polkit -u dbus""")
    expect("Finished loading, compiling and executing" in said, said)
    expect(not re.search(r"(?i)unknown|error compiling|error evaluating|parse", said), said)


def drop_ins_let_cables_and_light_in(_office, hub):
    for _, lines in find_blocks("docs/settings.md"):
        # These machines share a kernel with the one around, and have no udev.
        hub.run("cd vitalpost\n" + re.sub(r"(?m)^udevadm .*\n", "", lines))
    expect_exposure(hub, "vitalpost", LIMIT_WITH_DEVICES)
    held = hub.run("grep Groups: /proc/$(systemctl show -P MainPID vitalpost)/status").split()
    wanted = hub.run(f"getent group {' '.join(GROUPS)} | cut -d : -f 3").split()
    expect(len(wanted) == len(GROUPS) and set(wanted) <= set(held), (wanted, held))
    hub.run("/opt/vitalpost/bin/python -c 'import gpiod'")


def expect_exposure(machine, units, limit):
    for unit in units.split():
        said = machine.run(f"systemd-analyze --no-pager security {unit}.service")
        exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])
        expect(exposure <= limit, said)


def ask_polkit(hub, user, action, answers):
    hub.run(
        f"runuser -u {user} -- sh -c 'pkcheck --action-id {action} --process $$'", wanted=answers
    )


RIGHTS = (
    the_units_are_shut_in_as_systemd_sees_them,
    the_hub_may_restart_bluetooth_and_nothing_else,
    the_hub_may_mend_a_modem_and_no_more_of_the_network,
    nobody_finds_fault_with_the_rules,
    drop_ins_let_cables_and_light_in,
)
