"""What a health observation is for us: a reading, or a fact about the device."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.errors import DecodeError
from drivers.health_elapsed_time import Stamp
from drivers.health_observation import decode_body
from drivers.health_segments import join
from drivers.health_values import Body
from drivers.metrics import Metric, name_of
from drivers.reader import Reader
from drivers.spi import DeviceEvent, Frame, Origin, Reading

LIVE = "2B8B"
STORED = "2BDD"
HEADER_SIZE, NUMBER_SIZE = 1, 4
NO_PATIENT = {"test_data": "testing-data", "setting": "setting"}
OF_DEVICE = {Metric.MDC_AI_MED_STATUS}
NO_STAMP = Stamp(None, is_current=True, attributes={})


def tell(frames: tuple[Frame, ...]) -> Reading | DeviceEvent:
    """What the segments of one value say together.

    Settings, testing data and what tells of the device alone are events. A reading has failed where
    the device calls it invalid or not available, or sends specials in the place of numbers.
    Raises DecodeError, also for a bundle of several times or persons.
    """
    # The first segment keeps its header: so bytes are counted as they came.
    value = frames[0].data[:HEADER_SIZE] + join(frames)
    is_stored = frames[0].source == STORED
    reader = Reader(value)
    reader.take(HEADER_SIZE)
    number = reader.uint(NUMBER_SIZE) if is_stored else None
    body = decode_body(value, reader.at)
    stamp, user_id = _find_stamp(body, value), _find_user(body, value)
    device_time = stamp.time if stamp.is_current else None
    texts: dict[str, int | str | Mapping[str, str]] = {
        name: told
        for name, told in (
            ("special", body.special),
            ("texts", body.texts),
            ("states", body.states),
        )
        if told
    }
    told = {**body.facts, **stamp.attributes}
    if user_id is not None:
        told["user_id"] = user_id
    status = tuple(dict.fromkeys(body.status))
    if name := _event_name(body):
        values = {name_of(seen.metric): str(seen.value) for seen in body.observations}
        return DeviceEvent(name, frames, device_time, {**told, **values, **body.states})
    if not stamp.is_current:
        status = (*status, "earlier_timeline")
        told["earlier_time"] = stamp.time.isoformat() if stamp.time else ""
    return Reading(
        observations=tuple(body.observations),
        raw=frames,
        device_time=device_time,
        record_number=number,
        status=status,
        origin=Origin.STORED if is_stored else Origin.LIVE,
        failed=bool({"invalid", "not_available"} & {*status})
        or not (body.observations or body.texts),
        attributes={**told, **texts},
    )


def _event_name(body: Body) -> str:
    for status, name in NO_PATIENT.items():
        if status in body.status:
            return name
    is_of_patient = any(seen.metric not in OF_DEVICE for seen in body.observations)
    return "" if is_of_patient or body.texts or body.special else "device-status"


def _find_stamp(body: Body, value: bytes) -> Stamp:
    if any(stamp != body.stamps[0] for stamp in body.stamps):
        raise DecodeError("a bundle of several times", value, 0)
    return body.stamps[0] if body.stamps else NO_STAMP


def _find_user(body: Body, value: bytes) -> int | None:
    if len(set(body.users)) > 1:
        raise DecodeError("a bundle of several persons", value, 0)
    return body.users[0] if body.users else None
