import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.history import Step, find_undelivered, judge

KID, OTHER = "aa" * 16, "bb" * 16
DAY, NEXT = "2026-03-01", "2026-03-02"


def records(first, last=None, kid=KID):
    return {kid: [(first, last or first)]}


def hub(did, *sequences, kid=KID):
    return Step("hub-1", did, records(*sequences, kid=kid) if sequences else {})


def worker(did, *sequences):
    return Step("worker-1", did, records(*sequences))


def device(did, name="r1", day=DAY):
    return Step("cuff", did, readings=[name], day=day)


def office(did, *names, day=None, of=()):
    return Step("office", did, dict(of), names, day)


SOUND = [
    device("measured"),
    hub("sealed", 1, 2),
    hub("committed", 1, 2),
    device("confirmed"),
    hub("published", 1, 2),
    worker("committed", 1, 2),
    worker("published", 1, 2),
    hub("receipted", 1, 2),
    hub("released", 1, 2),
    device("measured", "r2", NEXT),
    hub("sealed", 3),
    hub("killed"),
    hub("published", 3),
    device("confirmed", "r2"),
    worker("committed", 3),
    hub("drained"),
    office("stored", "r1", "r2", of=records(1, 3)),
    office("counted", "r1", day=DAY),
    office("counted", "r2", day=NEXT),
]


def judged(steps):
    return judge(steps, {"hub-1"})


def without(*gone):
    return [step for step in SOUND if step not in gone]


def swapped(old, *new):
    return [each for step in SOUND for each in (new if step == old else [step])]


def test_a_sound_history_is_sound_and_counted():
    verdict = judged(SOUND)
    assert verdict.violation is None
    assert verdict.sentence == "19 steps, sound"
    found = [verdict.counts[name] for name in ("sealed", "kept", "released", "killed")]
    assert found == [3, 3, 2, 1]
    found = [verdict.counts[name] for name in ("measured", "stored", "lost", "twice", "held")]
    assert found == [2, 2, 0, 0, 0]


BAD = {
    "sealed twice": (swapped(hub("sealed", 3), hub("sealed", 2)), f"sealed {KID}/2"),
    "a sequence left out": (swapped(hub("sealed", 3), hub("sealed", 4)), f"sealed {KID}/4"),
    "committed, not sealed": (swapped(SOUND[2], hub("committed", 1, 2, kid=OTHER)), ""),
    "published, not committed": (without(SOUND[2]), f"{KID}/1 (and 1 more): hub-1 published"),
    "published, not committed, not killed": (without(hub("killed")), f"{KID}/3: hub-1 published"),
    "stored, on no hub": (
        [worker("committed", 1) if step == SOUND[2] else step for step in SOUND],
        f"{KID}/1: worker-1 stored it",
    ),
    "a receipt before the commit": (
        [*SOUND[:5], SOUND[6], SOUND[5], *SOUND[7:]],
        f"{KID}/1 (and 1 more): worker-1 sent a receipt",
    ),
    "a receipt from nobody": ([*SOUND[:5], *SOUND[7:]], "had a receipt"),
    "released, not receipted": (without(SOUND[7]), "hub-1 released it without"),
    "lost after its release": (
        swapped(SOUND[-3], office("stored", "r1", "r2", of=records(2, 3))),
        f"{KID}/1 was handed over",
    ),
    "lost when drained": (
        swapped(SOUND[-3], office("stored", "r1", "r2", of=records(1, 2))),
        f"{KID}/3 was handed over",
    ),
    "stored, never committed": (
        without(hub("published", 3), worker("committed", 3), hub("killed")),
        f"{KID}/3 is stored",
    ),
    "a reading lost": (
        [*SOUND[:-3], office("stored", "r1", of=records(1, 3)), SOUND[-2]],
        "reading r2 was confirmed",
    ),
    "a reading made up": (without(device("measured", "r2", NEXT)), "r2 is stored and nobody"),
    "counted twice": ([*SOUND, office("counted", "r1", day=NEXT)], "r1 is counted twice"),
    "a wrong day": (swapped(SOUND[-1], office("counted", "r2", day=DAY)), f"r2 counts on {DAY}"),
    "no day": (SOUND[:-1], f"r2 of {NEXT} counts on no day"),
    "counted, not stored": ([*SOUND, office("counted", "r3", day=DAY)], "r3 is counted and not"),
    "no end": (SOUND[:-3], "nobody says"),
}


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_be_is_named(fault):
    steps, said = BAD[fault]
    violation = judged(steps).violation
    assert violation is not None
    assert said in violation


@given(st.sampled_from(range(len(SOUND))))
def test_a_step_that_is_left_out_is_missed_where_it_matters(at):
    # Who was killed may have done what it had no time to say, and without these less is demanded.
    spare = ("confirmed", "released", "drained")
    unsaid = (SOUND[4], SOUND[6], SOUND[12], SOUND[14])
    is_missed = judged(SOUND[:at] + SOUND[at + 1 :]).violation is not None
    assert is_missed == (SOUND[at].did not in spare and SOUND[at] not in unsaid)


@given(st.data())
def test_a_step_that_comes_twice_changes_nothing_but_sealing_and_counting(data):
    at = data.draw(st.sampled_from(range(len(SOUND))))
    again = data.draw(st.integers(at, len(SOUND)))
    is_missed = judged([*SOUND[:again], SOUND[at], *SOUND[again:]]).violation is not None
    assert is_missed == (SOUND[at].did in ("sealed", "counted"))


@given(st.permutations(range(7)))
def test_the_way_of_a_record_has_one_order(order):
    way = [SOUND[at] for at in (1, 2, 4, 5, 6, 7, 8)]
    sealed, committed, published, taken, sent, receipted, released = map(order.index, range(7))
    steps = [SOUND[0], *(way[at] for at in order), SOUND[3], *SOUND[9:]]
    is_sound = sealed < committed < taken < receipted < released
    is_sound &= committed < published and taken < sent
    assert (judged(steps).violation is None) == is_sound


def test_a_receipt_for_what_was_never_assigned_is_not_enumerated():
    steps = swapped(SOUND[7], hub("receipted", 1, 2**32 - 1))
    assert "had a receipt" not in str(judged([*steps[:8]]).violation)


WIPED = [hub("sealed", 4), hub("committed", 4), device("measured", "r3", NEXT)]
WIPED += [device("confirmed", "r3", NEXT), Step("hub-1", "wiped", records(4), ["r3"])]


def test_what_went_with_a_wiped_card_is_lost_as_declared():
    verdict = judged([*SOUND[:-3], *WIPED, *SOUND[-3:]])
    assert verdict.violation is None
    found = [verdict.counts[name] for name in ("wiped", "readings wiped", "lost", "waiting")]
    assert found == [1, 1, 0, 0]
    assert not find_undelivered([*SOUND, *WIPED], {"hub-1"})
    undeclared = judged([*SOUND[:-3], *WIPED[:-1], *SOUND[-3:]]).violation
    assert "r3 was confirmed to its device and is not stored" in undeclared


def test_what_was_declared_lost_and_is_stored_was_not_lost():
    said = Step("hub-1", "wiped", records(3))
    assert f"{KID}/3 went with" in judged([*SOUND[:-3], said, *SOUND[-3:]]).violation
    said = Step("hub-1", "wiped", readings=["r2"])
    assert "reading r2 went with" in judged([*SOUND[:-3], said, *SOUND[-3:]]).violation
    said = Step("hub-1", "wiped", records(9))
    assert "had not sealed it" in judged([*SOUND[:-3], said, *SOUND[-3:]]).violation


def test_what_an_older_ledger_lacks_is_undelivered_until_it_came_again():
    restored = Step("office", "restored", records(1, 2))
    assert find_undelivered([*SOUND, restored], {"hub-1"}) == {(KID, 3)}
    early = judged([*SOUND, restored, worker("published", 3)])
    assert f"{KID}/3: worker-1 sent a receipt" in early.violation
    steps = [*SOUND, restored, worker("committed", 3), worker("published", 3)]
    assert not find_undelivered(steps, {"hub-1"})
    assert judged(steps).violation is None
    foreign = judged([*SOUND, Step("office", "restored", records(7))])
    assert "never committed it" in foreign.violation


def test_what_waits_on_the_hub_is_not_lost():
    stop = [hub("sealed", 4), hub("committed", 4)]
    verdict = judged([*SOUND[:-3], *stop, *SOUND[-3:]])
    assert verdict.violation is None
    assert verdict.counts["waiting"] == 1
    assert find_undelivered([*SOUND, *stop], {"hub-1"}) == {(KID, 4)}


UNNAMED = [
    *SOUND[:-3],
    Step("cuff", "measured", day=NEXT),
    Step("cuff", "confirmed", day=NEXT),
    office("stored", "r1", "r2", "u1", of=records(1, 3)),
    *SOUND[-2:],
    office("counted", "u1", day=NEXT),
]


def test_readings_without_a_name_are_counted():
    assert judged(UNNAMED).violation is None
    lost = [SOUND[-3] if "u1" in step.readings else step for step in UNNAMED[:-1]]
    assert "1 of the readings without a name" in judged(lost).violation
    wrong = [*UNNAMED[:-1], office("counted", "u1", day=DAY)]
    assert "readings count on" in judged(wrong).violation


@pytest.mark.parametrize(("dropped", "is_sound"), [(0, False), (1, True)])
def test_what_a_device_without_names_dropped_need_not_count(dropped, is_sound):
    steps = [
        *2 * [Step("scale", "measured", day=DAY)],
        *dropped * [Step("scale", "dropped", day=DAY)],
        office("stored", "r9"),
        office("counted", "r9", day=DAY),
    ]
    assert (judge(steps, {"hub-1"}).violation is None) == is_sound
