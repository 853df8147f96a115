import pytest
from structlog import DropEvent

from gateway.logs.measure import DAY_S, TIMES, Measure


class Log:
    def __init__(self):
        self.now = 0.0
        self.measure = Measure(lambda: self.now)

    def say(self, event, **facts):
        try:
            return self.measure(None, "info", {"event": event, **facts})
        except DropEvent:
            return None


def test_an_event_of_a_device_has_three_lines_a_day_and_the_third_says_that_it_is_the_last():
    log = Log()
    said = [log.say("device-away", device="cuff") for _ in range(10)]
    assert [line and line.get("further") for line in said] == [
        None,
        None,
        "counted",
        *[None] * 7,
    ]
    assert [line is not None for line in said] == [True] * TIMES + [False] * 7
    assert log.say("device-away", device="meter")
    assert log.say("device-back", device="cuff")
    assert log.say("device-away")


def test_a_day_later_it_is_said_again_with_how_many_were_not():
    log = Log()
    for _ in range(7):
        log.say("broker-reached")
    log.now = DAY_S
    assert log.say("broker-reached") == {"event": "broker-reached", "unsaid": 4}
    assert log.say("broker-reached") == {"event": "broker-reached"}


def test_what_a_person_did_is_always_said():
    log = Log()
    assert all(log.say("setup-opened", uid=1000) for _ in range(10))


@pytest.mark.parametrize("pause_s", [60, 3600, 20 * 3600])
def test_no_24_hours_have_more_than_three_lines_of_it(pause_s):
    log = Log()
    said = []
    for step in range(500):
        log.now = step * pause_s
        if log.say("radio-away"):
            said.append(log.now)
    assert all(later - at >= DAY_S for at, later in zip(said, said[TIMES:], strict=False))
