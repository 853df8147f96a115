import pytest

from simulator.frames import Values
from tests.simulator.stand import Stand


@pytest.fixture
async def stand(tmp_path):
    async with Stand(tmp_path) as stand:
        yield stand


@pytest.fixture
def values():
    return Values(systolic=125, diastolic=80, mean=102, pulse=64)
