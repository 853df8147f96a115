"""What a fresh backend is sent, message by message, and what its receipts say; good ones and bad.

`may` names what a receipt may say instead: a reader of CBOR need not be as strict as ours.
"""

import cbor2

from tests.vectors.known import HUBS, fixed
from uplink.keys import X25519, X_WING
from uplink.seal import sign_statement
from uplink.statements import CHAIN_START, Checkpoint, Ending, Gone, extend_chain
from uplink.wire import Run, encode_message, key_id

EDDSA = b"\xa1\x01\x27"
LENIENT = "a lenient reader of CBOR may take it as if it were well-formed"


def step(payload, receipt=None, *, hub="hub-1", why="", may=""):
    """One message on the topic of `hub`; `receipt` has what it must say, None: there is none."""
    data = payload if isinstance(payload, bytes) else encode_message(payload)
    said = {"topic": f"vitalpost/v1/{hub}/records", "payload": data.hex(), "receipt": receipt}
    return said | ({"why": why} if why else {}) | ({"may": may} if may else {})


def stored(epoch, *sequences, **more):
    """A receipt in which these are stored."""
    return ({"stored": {epoch.kid.hex(): list(sequences)}} if sequences else {}) | more


def refused(epoch, sequence, reason):
    return [[epoch.kid.hex(), sequence, reason]]


def signed(signer, fields):
    """A statement with any fields."""
    payload = cbor2.dumps(fields)
    signature = signer.sign(cbor2.dumps(["Signature1", EDDSA, b"", payload]))
    sign1 = [EDDSA, {4: key_id(signer.public())}, payload, signature]
    return cbor2.dumps(cbor2.CBORTag(18, sign1))


def payload_of(statement):
    """The fields of a statement."""
    return cbor2.loads(cbor2.loads(statement).value[2])


def flip(data, at=-1):
    """The same with one bit of one byte turned."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def exchanges(epochs, plaintexts):
    """By name: the suite of the backend's key, and the steps."""
    one, two = epochs["x25519"], epochs["of-hub-2"]
    a, b, c = sealed = [one.seal(n, plaintexts[n - 1]) for n in (1, 2, 3)]
    run = Run(one.kid, 1, tuple(sealed))
    begin = [one.key_record, run]
    all_three = stored(one, 1, 2, 3)
    not_known = {"unknown": [one.kid.hex()]}
    known = {
        name: {"suite": f"{X25519:#06x}", "steps": steps}
        for name, steps in {
            "an epoch begins": [step(begin, all_three)],
            "what came before is receipted again": [step(begin, all_three), step([run], all_three)],
            "a key record alone needs no receipt, and holds from then on": [
                step([one.key_record]),
                step([run], all_three),
            ],
            "records before their key record are asked for": [
                step([run], not_known),
                step(begin, all_three),
            ],
            "order does not matter": [
                step([one.key_record, Run(one.kid, 3, (c,))], stored(one, 3)),
                step([Run(one.kid, 1, (a, b))], stored(one, 1, 2)),
            ],
            "a message for nobody": [step([])],
            **_keys(one, run, all_three, not_known, epochs),
            **_other_hubs(one, two, begin, plaintexts),
            **_other_bytes(one, two, sealed, plaintexts),
            **_later_versions(one, run, all_three, plaintexts),
            **_checkpoints(one, run, begin, sealed, all_three),
            **_malformed(one, run, a, all_three),
        }.items()
    }
    wing = epochs["x-wing"]
    message = [wing.key_record, Run(wing.kid, 1, (wing.seal(1, plaintexts[0]),))]
    known["an epoch begins, its key sealed with X-Wing"] = {
        "suite": f"{X_WING:#06x}",
        "steps": [step(message, stored(wing, 1))],
    }
    return known


def _keys(one, run, all_three, not_known, epochs):
    fields = payload_of(one.key_record)
    other_bytes = signed(HUBS["hub-1"], fields | {12: "another"})
    foreign = epochs["to-another-key"]
    cases = {
        "key record with a changed signature": flip(one.key_record),
        "key record with a changed payload": one.key_record.replace(b"vitalpost", b"vitalpast"),
        "key record signed by a stranger": signed(HUBS["stranger"], fields),
        "key record that names another hub": signed(HUBS["hub-1"], fields | {2: "hub-2"}),
        "key record of a later format": signed(HUBS["hub-1"], fields | {1: 2}),
        "key record whose sealed key is changed": signed(
            HUBS["hub-1"], fields | {6: flip(fields[6])}
        ),
        "key record whose kid is changed": signed(HUBS["hub-1"], fields | {3: fixed("kid", 16)}),
        "key record of another suite than it says": signed(HUBS["hub-1"], fields | {4: 0x647A}),
        "key record cut short": one.key_record[:-1],
    }
    made = {
        name: [step([data, run], not_known, why="it opens nothing, so the epoch is not known")]
        for name, data in cases.items()
    }
    why = "the first that came holds"
    made["other bytes under a known kid"] = [
        step([one.key_record]),
        step([other_bytes, run], all_three, why=why),
    ]
    made["a data key that is sealed to a key this backend does not have"] = [
        step(
            [foreign.key_record, Run(foreign.kid, 1, (b"x" * 17,))],
            {"unknown": [foreign.kid.hex()]},
            why="perhaps the key is found",
        )
    ]
    return made


def _other_hubs(one, two, begin, plaintexts):
    of_two = [two.key_record, Run(two.kid, 1, (two.seal(1, plaintexts[0]),))]
    return {
        "a hub that is not enrolled": [
            step(begin, hub="hub-9", why="say nothing to a hub that you do not know")
        ],
        "two hubs": [step(begin, stored(one, 1, 2, 3)), step(of_two, stored(two, 1), hub="hub-2")],
        "a message on another hub's topic": [
            step(begin, {"unknown": [one.kid.hex()]}, hub="hub-2", why="hub-2 has signed nothing")
        ],
        "another hub's kid": [
            step(begin, stored(one, 1, 2, 3)),
            step([Run(one.kid, 1, (b"x" * 17,))], {"unknown": [one.kid.hex()]}, hub="hub-2"),
        ],
    }


def _other_bytes(one, two, sealed, plaintexts):
    a, b, c = sealed
    changed = one.seal(2, plaintexts[2])
    own = [one.key_record, Run(one.kid, 1, (a,))]
    bad = {
        "a tag that is changed": flip(b),
        "a ciphertext that is changed": flip(b, 0),
        "a record under another sequence": c,
        "a record that was sealed for another hub": two.seal(2, plaintexts[1]),
        "a record cut short": b[:-1],
        "a record shorter than a tag": b"x",
        "an empty record": b"",
    }
    made = {
        name: [
            step(
                [one.key_record, Run(one.kid, 1, (a, data, c))],
                stored(one, 1, 3, refused=refused(one, 2, "unopenable")),
            ),
            step([Run(one.kid, 2, (b,))], stored(one, 2), why="what opens is as good as ever"),
        ]
        for name, data in bad.items()
    }
    made["other bytes under a known name"] = [
        step([*own, Run(one.kid, 2, (b,))], stored(one, 1, 2)),
        step([Run(one.kid, 2, (changed, c))], stored(one, 3, refused=refused(one, 2, "conflict"))),
        step([Run(one.kid, 2, (b,))], stored(one, 2), why="the first that came holds"),
    ]
    made["other bytes under one name in one message"] = [
        step(
            [*own, Run(one.kid, 2, (b,)), Run(one.kid, 2, (changed,))],
            stored(one, 1, 2, refused=refused(one, 2, "conflict")),
        )
    ]
    return made


def _later_versions(one, run, all_three, plaintexts):
    later = signed(HUBS["hub-1"], {0: 9, 1: 1, 2: "hub-1", 3: "what it will be"})
    more = signed(HUBS["hub-1"], payload_of(one.key_record) | {99: "more"})
    plain = {
        "a record of a later kind": cbor2.dumps({0: 99, 1: 5, 8: "what it will be"}),
        "a reading with a key of a later version": cbor2.dumps(
            cbor2.loads(plaintexts[7]) | {99: "more"}
        ),
        "a record that opens and is no map": cbor2.dumps("no map"),
        "a record that opens and is no CBOR": b"\xff",
        "a record that opens and is empty": b"",
    }
    made = {
        name: [step([one.key_record, Run(one.kid, 1, (one.seal(1, data),))], stored(one, 1))]
        for name, data in plain.items()
    }
    made["a statement with a mark of a later version"] = [
        step([one.key_record, later, run], all_three, why="counted, and left unread")
    ]
    made["a key record with a key of a later version"] = [step([more, run], all_three)]
    items = [one.key_record, 7, "text", {1: 2}, None, True, [one.kid, 1, list(run.sealed)]]
    made["items that are neither statement nor run"] = [
        step(cbor2.dumps(items), all_three, why="counted, and left unread")
    ]
    return made


def _checkpoints(one, run, begin, sealed, all_three):
    def checkpoint(last, ending=Ending.OPEN, signer="hub-1", **changed):
        utc_ms = 1_790_000_000_000 + last
        chain = extend_chain(CHAIN_START, sealed[:last])
        stated = Checkpoint("hub-1", one.kid, last, ending, utc_ms, chain)
        data = sign_statement(stated, HUBS["hub-1"])
        return signed(HUBS[signer], payload_of(data) | changed.get("fields", {}))

    gone = sign_statement(Gone("hub-1", 1_790_000_000_000, {one.kid: ((4, 6),)}), HUBS["hub-1"])

    def kept(last):
        return {"checked": {one.kid.hex(): last}}

    return {
        "a checkpoint with its records": [step([*begin, checkpoint(3)], all_three | kept(3))],
        "a checkpoint after its records": [
            step(begin, all_three),
            step([checkpoint(3, Ending.CLOSED)], kept(3)),
            step([checkpoint(3, Ending.CLOSED)], kept(3), why="said again as often as it is sent"),
        ],
        "an older checkpoint after a newer one": [
            step([*begin, checkpoint(3)], all_three | kept(3)),
            step([checkpoint(2)], kept(3), why="the last of the newest that is kept"),
        ],
        "two checkpoints in one message": [
            step([*begin, checkpoint(2), checkpoint(3)], all_three | kept(3))
        ],
        "a forged checkpoint": [
            step([*begin, flip(checkpoint(3))], all_three, why="not kept, so not said")
        ],
        "a checkpoint of another hub": [
            step([*begin, checkpoint(3, fields={2: "hub-2"})], all_three)
        ],
        "what is gone needs no receipt": [step(begin, all_three), step([gone])],
    }


def _malformed(one, run, a, all_three):
    key, kid = one.key_record, one.kid
    good = cbor2.dumps([key, [kid, 1, list(run.sealed)]])
    cases = {
        "no bytes at all": b"",
        "no CBOR": b"\xff",
        "a message cut short": good[:-1],
        "a map instead of an array": cbor2.dumps({1: key}),
        "a text instead of an array": cbor2.dumps("hello"),
        "sequence 0": cbor2.dumps([key, [kid, 0, [a]]]),
        "a negative sequence": cbor2.dumps([key, [kid, -1, [a]]]),
        "a sequence that is no integer": cbor2.dumps([key, [kid, "1", [a]]]),
        "a run beyond the last sequence": cbor2.dumps([key, [kid, 2**32 - 1, [a, a]]]),
        "a run of nothing": cbor2.dumps([key, [kid, 1, []]]),
        "a run of two items": cbor2.dumps([key, [kid, 1]]),
        "a run of four items": cbor2.dumps([key, [kid, 1, [a], 4]]),
        "a record that is a text": cbor2.dumps([key, [kid, 1, [a, "text"]]]),
        "a kid of 15 bytes": cbor2.dumps([key, [kid[1:], 1, [a]]]),
        "a kid of 17 bytes": cbor2.dumps([key, [kid + b"1", 1, [a]]]),
    }
    why = "no part of it is kept, and there is no receipt"
    made = {
        f"malformed: {name}": [step(data, why=why), step([run], {"unknown": [kid.hex()]})]
        for name, data in cases.items()
    }
    lenient = {
        "bytes behind the message": good + b"\x00",
        "a message of indefinite length": b"\x9f" + good[1:] + b"\xff",
        "a tag that the format does not use": b"\xd9\xd9\xf7" + good,
        "a message above 64 KiB": cbor2.dumps([key, [kid, 1, [bytes(65_536)]]]),
    }
    made |= {f"malformed: {name}": [step(data, may=LENIENT)] for name, data in lenient.items()}
    made["integers need not be written in the shortest way"] = [
        step(good.replace(kid + b"\x01", kid + b"\x1a\x00\x00\x00\x01"), all_three)
    ]
    return made
