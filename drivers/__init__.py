"""Devices in, readings out. A driver is the module that an entry point names; the rest serves it.

What belongs to one driver begins with its name: `glucose.py` is the meter, `glucose_memory.py` and
the others beside it are its parts; `health_*` is the Generic Health Sensor, and `taidoc_*` and
`dispenser_*` hold what their two drivers, on a cable and over the air, share. What several share:

spi                 all that a driver may import; metrics, errors and reader stand behind it
listening           how a device of the SIG's services is heard, with device_information,
                    device_clock, record_access, characteristic, quirks and specials
stream              values many times a second, with stretch and sync_framer
conversation        devices that answer what they are asked

And what looks at drivers: replay runs frames through one, conformance* holds it to the rules,
grades says how well it is founded, plausibility flags what cannot be so. docs/drivers.md is the
reference.
"""
