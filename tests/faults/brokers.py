"""A broker that refuses, forgets, or remembers too much."""

from __future__ import annotations

import os
import shutil
import signal

from tests.faults.rig import Rig, copy
from tests.faults.run import Result, Run, conclude

READINGS = 40
IN_WINDOW = 10  # readings whose messages all go without a receipt
NOT_AUTHORIZED = 0x87
MAY_WRITE = "pattern write vitalpost/v1/%u/records"


async def refusing_broker(run: Run) -> Result:
    """Its access rules lose the hubs' line, then have it again: all that was refused arrives."""
    async with Rig(run.folder) as rig:
        await rig.start()
        rig.hub.measure(3)
        await rig.settle()
        rules = rig.keys / "mosquitto.acl"
        text = rules.read_text()
        _rule(rig, text.replace(MAY_WRITE, ""))
        rig.hub.measure(READINGS)
        await rig.wait("the refusal", lambda: bool(rig.hub.logged("publish-refused")))
        await rig.wait("empty meters", lambda: rig.hub.ward.is_empty)
        _rule(rig, text)
        await rig.settle()
        await rig.stop_hubs()
        codes = [line["reason_code"] for line in rig.hub.logged("publish-refused")]
        bad = None if codes == [NOT_AUTHORIZED] else f"the hub's log says refused {codes}"
        return conclude(rig.judge(), 1, f"0x{NOT_AUTHORIZED:x}, said once", bad)


async def forgetful_broker(run: Run) -> Result:
    """It took what nobody was there for; then its state is gone, or is that of long ago."""
    async with Rig(run.folder) as rig:
        await rig.start()
        data, image = rig.folder / "broker", rig.folder / "broker-image"
        for is_old in (False, True):
            await rig.worker.stop()
            rig.hub.measure(IN_WINDOW)
            await rig.wait("empty meters", lambda: rig.hub.ward.is_empty)
            await _published(rig)
            await rig.broker.stop()  # in order: it writes down what waits for the worker
            if is_old:
                copy(image, data)
            else:
                copy(data, image)
                shutil.rmtree(data)
                data.mkdir()
            for part in (rig.broker, rig.worker):
                await rig.launch(part)
            await rig.settle()
        await rig.stop_hubs()
        return conclude(rig.judge(), 2, "state emptied, then one of before put back")


async def _published(rig: Rig) -> None:
    """Wait until all that the hub holds has gone out."""
    await rig.wait("that it is sent", lambda: rig.names("committed") <= rig.names("published"))


def _rule(rig: Rig, text: str) -> None:
    (rig.keys / "mosquitto.acl").write_text(text)
    os.kill(rig.broker.process.pid, signal.SIGHUP)
