import pytest

from backend.completeness.rule import OVERLAP_MS, Begun, Facts, Fate, Gap, State, judge_hub
from tests.backend.office import DAY, HOUR, START
from uplink.statements import Checkpoint, Ending, Previous

A, B, C, D = (bytes([n]) * 16 for n in b"abcd")
OPEN, CLOSED, RECOVERED = Ending


def begun(kid, previous=None, last=0, clean=False, *, boot=b"1", span=None):
    return Begun(kid, boot, Previous(previous, last, clean) if previous else None, span)


def says(kid, last, ending, previous=None):
    return Checkpoint("hub-1", kid, last, ending, START, None, previous)


def judge(*begun, checkpoints=(), **facts):
    return judge_hub(Facts(begun, checkpoints=checkpoints, **facts))


def states(found):
    return {epoch.kid: epoch.state for epoch in found.epochs}


def test_nothing_has_come_and_nothing_is_claimed():
    found = judge()
    assert found.state is State.TAIL_UNKNOWN
    assert not found.is_wanting


def test_the_only_epoch_runs_until_it_is_closed():
    found = judge(begun(A), stored={A: [(1, 5)]})
    assert states(found) == {A: State.RUNNING}
    assert (found.state, found.is_wanting) == (State.TAIL_UNKNOWN, False)
    assert found.running.last == 5


@pytest.mark.parametrize("ending", [CLOSED, RECOVERED])
def test_an_end_that_is_vouched_for_and_reached_is_complete(ending):
    found = judge(begun(A), stored={A: [(1, 5)]}, checkpoints=[says(A, 5, ending)])
    assert (found.state, found.epochs[0].ending) == (State.COMPLETE, ending)


def test_an_open_checkpoint_vouches_for_no_end():
    found = judge(begun(A), stored={A: [(1, 5)]}, checkpoints=[says(A, 5, OPEN)])
    assert states(found) == {A: State.RUNNING}


def test_what_lacks_below_a_checkpoint_is_named():
    found = judge(begun(A), stored={A: [(2, 3)]}, checkpoints=[says(A, 5, OPEN)])
    assert found.state is State.GAP
    assert found.gaps == [Gap(A, 1, 1, Fate.WANTED), Gap(A, 4, 5, Fate.WANTED)]


def test_a_hub_that_was_killed_and_found_everything_again_is_complete():
    follows = begun(B, A, 5)
    stored = {A: [(1, 5)], B: [(1, 1)]}
    assert states(judge(begun(A), follows, stored=stored))[A] is State.TAIL_UNKNOWN
    found = judge(begun(A), follows, stored=stored, checkpoints=[says(A, 5, RECOVERED)])
    assert states(found) == {A: State.COMPLETE, B: State.RUNNING}


def test_the_next_epoch_vouches_for_one_that_it_found_closed_in_order():
    found = judge(begun(A), begun(B, A, 5, clean=True), stored={A: [(1, 5)], B: [(1, 1)]})
    assert states(found) == {A: State.COMPLETE, B: State.RUNNING}


def test_a_wiped_card_leaves_the_tail_of_the_last_epoch_before_unknown_for_ever():
    found = judge(begun(A), begun(B), stored={A: [(1, 5)], B: [(1, 2)]})
    assert states(found) == {A: State.TAIL_UNKNOWN, B: State.RUNNING}
    assert found.is_wanting
    closed = [says(B, 2, CLOSED)]
    found = judge(begun(A), begun(B), stored={A: [(1, 5)], B: [(1, 2)]}, checkpoints=closed)
    assert states(found) == {A: State.TAIL_UNKNOWN, B: State.COMPLETE}


def test_before_a_wiped_card_the_last_epoch_that_came_need_not_be_the_last():
    stored = {kid: [(1, 5)] for kid in (A, B, C, D)}
    words = [begun(A), begun(B, A, 5, clean=True), begun(C), begun(D, C, 5, clean=True)]
    ends = [says(B, 5, CLOSED), says(D, 5, CLOSED)]
    found = judge(*words, stored=stored, checkpoints=ends)
    assert states(found) == dict.fromkeys((A, C, D), State.COMPLETE) | {B: State.TAIL_UNKNOWN}
    assert found.is_wanting


def test_an_epoch_that_only_the_next_one_names_lacks_wholly():
    found = judge(begun(B, A, 7, clean=True), stored={B: [(1, 2)]})
    assert found.gaps == [Gap(A, 1, 7, Fate.WANTED)]
    assert not found.epochs[0].has_key_record


def test_an_epoch_in_which_nothing_was_sealed_lacks_nothing():
    assert judge(begun(B, A, 0, clean=True), checkpoints=[says(B, 0, CLOSED)]).state is (
        State.COMPLETE
    )


def test_the_next_epoch_knows_of_records_that_never_came():
    found = judge(begun(A), begun(B, A, 9), stored={A: [(1, 5)]})
    assert found.gaps == [Gap(A, 6, 9, Fate.WANTED)]


def test_what_came_out_of_order_is_judged_as_in_order():
    words = [begun(A), begun(B, A, 5, clean=True), begun(C, B, 2, clean=True)]
    stored = {A: [(1, 5)], B: [(1, 2)], C: [(1, 1)]}
    for some in (words, words[::-1], [words[1], words[2], words[0]]):
        found = judge(*some, stored=stored)
        assert states(found) == {A: State.COMPLETE, B: State.COMPLETE, C: State.RUNNING}


def test_an_epoch_that_only_a_checkpoint_names_is_not_complete():
    found = judge(begun(C), checkpoints=[says(B, 0, CLOSED, previous=A)])
    assert states(found)[A] is State.TAIL_UNKNOWN
    assert found.is_wanting


def test_each_range_has_its_fate():
    found = judge(
        begun(A),
        stored={A: [(4, 4)]},
        checkpoints=[says(A, 9, CLOSED)],
        gone={A: [(1, 2), (8, 20)]},
        refused={A: [(2, 3)]},
    )
    assert found.gaps == [
        Gap(A, 1, 2, Fate.GONE),
        Gap(A, 3, 3, Fate.REFUSED),
        Gap(A, 5, 7, Fate.WANTED),
        Gap(A, 8, 9, Fate.GONE),
    ]


def test_what_is_gone_and_came_all_the_same_does_not_lack():
    found = judge(
        begun(A), stored={A: [(1, 5)]}, checkpoints=[says(A, 5, CLOSED)], gone={A: [(1, 5)]}
    )
    assert found.state is State.COMPLETE


def test_an_epoch_whose_checkpoint_does_not_agree_is_never_complete():
    found = judge(
        begun(A),
        stored={A: [(1, 5)]},
        checkpoints=[says(A, 5, CLOSED)],
        disputed=frozenset([A]),
    )
    assert (found.state, found.is_wanting) == (State.CONFLICT, True)


def test_records_beyond_an_end_take_back_what_it_vouched_for():
    found = judge(begun(A), stored={A: [(1, 6)]}, checkpoints=[says(A, 5, RECOVERED)])
    assert states(found) == {A: State.RUNNING}
    assert found.epochs[0].goes_on
    closed = [says(A, 5, RECOVERED), says(A, 6, CLOSED)]
    assert judge(begun(A), stored={A: [(1, 6)]}, checkpoints=closed).state is State.COMPLETE


def test_the_newest_epoch_of_a_hub_that_sends_no_more_is_as_any_other():
    found = judge(begun(A), stored={A: [(1, 5)]}, is_active=False)
    assert states(found) == {A: State.TAIL_UNKNOWN}
    assert found.is_wanting


def test_two_epochs_behind_one_are_a_fork():
    found = judge(begun(A), begun(B, A, 3), begun(C, A, 5), begun(D, C, 1))
    ((after, kids),) = found.forks
    assert (after, kids) == (A, [B, C])
    assert found.overlaps == []


def test_two_boots_at_one_time_are_two_machines():
    day = (START, START + DAY)
    later = (START + DAY - HOUR, START + 2 * DAY)
    both = judge(begun(A, span=day), begun(B, A, 3, boot=b"2", span=later))
    assert both.overlaps == [(A, B)]
    assert not judge(begun(A, span=day), begun(B, A, 3, span=later)).overlaps
    just = (START + DAY - OVERLAP_MS, START + 2 * DAY)
    assert not judge(begun(A, span=day), begun(B, A, 3, boot=b"2", span=just)).overlaps
