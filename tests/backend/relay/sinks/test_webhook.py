import pytest

from backend.errors import SinkFailed
from backend.relay.sinks import Page
from backend.relay.sinks.webhook import Webhook, check_url
from drivers.errors import Retry
from tests.fakes.pki import Authority
from tests.fakes.web_hook import WebHook

PAGE = Page(7, 8, [b'{"cursor":7}', b'{"cursor":8}'], {})
LATER, TECHNICIAN = Retry.LATER, Retry.TECHNICIAN


@pytest.fixture
def serve():
    started = []

    def serve(*script, **options):
        started.append(WebHook(list(script), **options))
        return started[-1]

    yield serve
    for hook in started:
        hook.close()


def post(hook, token=None, timeout_s=10.0):
    Webhook(f"http://127.0.0.1:{hook.port}/in?of=home", token, timeout_s).write(PAGE)


def test_a_page_is_posted_as_json_lines_with_its_cursors(serve):
    hook = serve()
    post(hook, "secret")
    posted = hook.posted.get(timeout=10)
    assert posted.path == "/in?of=home"
    assert posted.body == b'{"cursor":7}\n{"cursor":8}\n'
    assert posted.headers["Content-Type"] == "application/x-ndjson"
    assert posted.headers["Vitalpost-Cursors"] == "7-8"
    assert posted.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_acknowledges(serve, status):
    post(serve(status))


@pytest.mark.parametrize(
    ("step", "retry"),
    [
        (500, LATER),
        (503, LATER),
        (408, LATER),
        (429, LATER),
        (400, TECHNICIAN),
        (401, TECHNICIAN),
        (404, TECHNICIAN),
        (413, TECHNICIAN),
        (301, TECHNICIAN),
        (307, TECHNICIAN),
        ("close", LATER),
        ("cut", LATER),
    ],
)
def test_nothing_else_does_and_it_is_told_what_heals(serve, step, retry):
    hook = serve(step)
    with pytest.raises(SinkFailed) as caught:
        post(hook)
    assert caught.value.retry is retry
    assert hook.lines == []
    post(hook)
    assert hook.lines == PAGE.lines


def test_one_that_never_answers_is_given_up(serve):
    hook = serve("hang")
    with pytest.raises(SinkFailed) as caught:
        post(hook, timeout_s=0.2)
    assert caught.value.retry is LATER


def test_one_that_is_not_there_is_tried_again(serve):
    hook = serve()
    hook.close()
    with pytest.raises(SinkFailed) as caught:
        post(hook)
    assert caught.value.retry is LATER


def test_it_is_sent_only_to_who_proves_to_be_that_host(serve, tmp_path, authority, monkeypatch):
    stranger = serve(certificate=Authority(tmp_path).issue("localhost"))
    with pytest.raises(SinkFailed, match="certificate") as caught:
        Webhook(f"https://localhost:{stranger.port}/in").write(PAGE)
    assert caught.value.retry is TECHNICIAN
    assert stranger.posted.empty()
    hook = serve(certificate=authority.issue("localhost"))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    Webhook(f"https://localhost:{hook.port}/in").write(PAGE)
    assert hook.lines == PAGE.lines


def test_an_address_is_known_by_its_hash_alone():
    one, other = (Webhook(f"https://office.example/in?key={key}").name for key in (1, 2))
    assert one != other
    assert "office" not in one


@pytest.mark.parametrize(
    "url",
    [
        "http://office.example/in",
        "ftp://office.example/in",
        "office.example/in",
        "https://",
        "https://user:word@office.example/in",
        "https://office.example/in#part",
        "https://office.example:0/in",
        "https://office.example:99999/in",
        "https://office.example/a b",
        "https://office.example/in\r\nX: y",
        "https://[::1/in",
        "",
    ],
)
def test_an_address_that_would_show_readings_to_others_is_refused(url):
    with pytest.raises(ValueError, match=r".+"):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["https://office.example", "https://office.example:8443/in?x=1", "http://127.0.0.1:80/"]
)
def test_https_and_this_machine_are_taken(url):
    assert check_url(url) == url
