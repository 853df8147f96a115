"""What a hub says that is installed and not set up yet: no settings, then no keys."""

from tests.install.asking import SETTINGS, diagnose, expect, expect_marks


def without_settings_the_doctor_names_them(hub):
    hub.run(f"mv {SETTINGS} /root/whole")
    told = diagnose(hub)
    expect_marks(told, "fail", "settings hub round-trip")
    expect_marks(told, "warn", "credentials storage dns tls broker")
    expect(SETTINGS in told["settings"][1], told)
    hub.run(f"mv /root/whole {SETTINGS}")


def without_keys_the_doctor_names_them(hub):
    told = diagnose(hub)
    expect_marks(told, "ok", "settings version serial-ports dns")
    expect_marks(told, "fail", "credentials hub storage round-trip")
    expect_marks(told, "warn", "watchdog certificate sealing tls broker")
    expect("provision install" in told["credentials"][1], told)


BARE = (without_settings_the_doctor_names_them, without_keys_the_doctor_names_them)
