import asyncio
import socket
import ssl
import time
from contextlib import asynccontextmanager
from math import inf

import pytest

from tests.fakes.pki import Authority
from uplink.tls import NO_CHECK_TIME, MachineCalendar, Span, tls_context

DAY_S = 86_400


class Told:
    """Knows no more than that it is not earlier than so many days from now."""

    def __init__(self, since):
        self.span = Span(time.time() + since * DAY_S, inf)
        self.heard = []

    def present(self):
        return self.span

    def accepted(self, chain):
        self.heard.append(chain)


@asynccontextmanager
async def serving(certificate, key):
    async def greet(reader, writer):
        writer.write(b"welcome")
        await reader.read()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()


def shake(context, address):
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as wrapped,
    ):
        assert wrapped.recv(7) == b"welcome"
        return wrapped.session, wrapped.session_reused


async def connect(authority, calendar, broker=(-1, 365)):
    """Whether the hub takes a broker whose certificate begins and ends so many days from now."""
    context = tls_context(authority.certificate, *authority.issue("hub-1"), calendar)
    async with serving(*authority.issue("localhost", broker)) as address:
        try:
            await asyncio.to_thread(shake, context, address)
        except ssl.SSLError as error:
            return str(error)
    return ""


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, days=(-4000, 4000))


@pytest.mark.parametrize(
    ("since", "broker"),
    [
        (0, (-1, 365)),
        (-20_000, (-1, 365)),
        (-300, (-1, 365)),  # the broker's certificate was renewed since the last receipt
        (364, (-1, 365)),
        (-30, (-400, -10)),  # it may have ended since: nobody here can know
        (-30, (10, 400)),
    ],
)
async def test_while_nobody_knows_the_time_a_chain_is_good_that_can_hold_since_the_floor(
    authority, since, broker
):
    assert not await connect(authority, Told(since), broker)


@pytest.mark.parametrize(
    ("since", "broker"),
    [(0, (-400, -1)), (366, (-1, 365)), (-9, (-400, -10)), (20_000, (-1, 365))],
)
async def test_what_had_ended_before_the_floor_is_refused_whatever_the_clock_shows(
    authority, since, broker
):
    assert "certificates hold from" in await connect(authority, Told(since), broker)


async def test_an_authority_that_had_ended_before_the_floor_is_refused(tmp_path):
    authority = Authority(tmp_path, days=(-400, -10))
    assert "certificates hold from" in await connect(authority, Told(-9))
    assert not await connect(authority, Told(-11), (-400, 365))


async def test_a_chain_of_which_no_moment_sees_all_hold_is_refused(tmp_path):
    authority = Authority(tmp_path, days=(-400, -10))
    assert "certificates hold from" in await connect(authority, Told(-4000), (-5, 365))


@pytest.mark.parametrize("broker", [(-400, -1), (1, 400)])
async def test_a_synchronised_clock_refuses_what_does_not_hold_now(authority, broker):
    assert "certificate" in await connect(authority, MachineCalendar(), broker)


async def test_a_stranger_is_refused_whatever_the_time(authority, tmp_path):
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger")
    context = tls_context(authority.certificate, *authority.issue("hub-1"), Told(-4000))
    async with serving(*stranger.issue("localhost")) as address:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(shake, context, address)


async def test_openssl_checks_dates_again_once_the_clock_is_synchronised(authority):
    calendar = Told(-10)
    context = tls_context(authority.certificate, *authority.issue("hub-1"), calendar)
    async with serving(*authority.issue("localhost")) as address:
        await asyncio.to_thread(shake, context, address)
        assert context.verify_flags & NO_CHECK_TIME
        calendar.span = MachineCalendar().present()
        await asyncio.to_thread(shake, context, address)
        assert not context.verify_flags & NO_CHECK_TIME
    assert len(calendar.heard) == 2


async def test_a_resumed_session_ends_with_the_certificates_with_which_it_began(authority):
    calendar = Told(-10)
    context = tls_context(authority.certificate, *authority.issue("hub-1"), calendar)
    async with serving(*authority.issue("localhost", (-1, 5))) as address:
        context.session, _ = await asyncio.to_thread(shake, context, address)
        _, is_resumed = await asyncio.to_thread(shake, context, address)
        assert is_resumed
        calendar.span = Told(6).span
        with pytest.raises(ssl.SSLError, match="certificates hold from"):
            await asyncio.to_thread(shake, context, address)
    first, second = calendar.heard
    assert first == second
