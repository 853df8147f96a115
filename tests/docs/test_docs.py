import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import backend.cli
import backend.config
import backend.errors
import drivers.errors
import gateway.cli
import gateway.errors
import uplink.errors
from gateway.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = {page.name: page.read_text() for page in (ROOT / "docs").glob("*.md")}
SETTINGS_OF_HUB, _, SETTINGS_OF_OFFICE = DOCS["settings.md"].partition("## The office")


def settings_of(struct):
    for table in msgspec.structs.fields(struct):
        is_array = table.name == "devices"
        kind = table.type.__args__[0] if is_array else table.type
        for field in msgspec.structs.fields(kind):
            yield f"{table.name}{'[]' if is_array else ''}.{field.name}"


@pytest.mark.parametrize(
    ("struct", "page"),
    [(Settings, SETTINGS_OF_HUB), (backend.config.Settings, SETTINGS_OF_OFFICE)],
)
def test_every_setting_is_documented_and_no_other(struct, page):
    documented = {
        name
        for row in re.findall(r"^\| (.*?) \|", page, re.MULTILINE)
        for name in re.findall("`(.+?)`", row)
    }
    assert documented == set(settings_of(struct))


@pytest.mark.parametrize("cli", [gateway.cli, backend.cli])
def test_every_command_is_documented(cli):
    program = {"gateway.cli": "vitalpost", "backend.cli": "vitalpost-backend"}[cli.__name__]
    documented = set(re.findall(rf"\| `{program} ([a-z-]+)", DOCS["commands.md"]))
    assert documented == set(cli.COMMANDS)


@pytest.mark.parametrize("module", [drivers.errors, uplink.errors, gateway.errors, backend.errors])
def test_every_error_is_documented_with_what_to_do(module):
    errors = {
        name
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, Exception)
    }
    assert {name for name in errors if f"`{name}`" not in DOCS["errors.md"]} == set()


def test_the_example_settings_of_the_office_hold(tmp_path):
    example = tmp_path / "backend.toml"
    example.write_text(re.search(r"```toml\n(.+?)```", SETTINGS_OF_OFFICE, re.DOTALL)[1])
    settings = backend.config.load(example)
    assert (settings.broker.port, settings.clock.source) == (8883, "system")


def test_no_page_links_into_the_void():
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "node_modules" not in page.parts]
    for page in [*pages, *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_frame_in_the_readme_decodes():
    words = re.search(r"vitalpost (decode .+)", (ROOT / "README.md").read_text())[1].split()
    command = [sys.executable, "-m", "gateway", *words]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(out)["device_time"] == "2017-01-16T12:39:54"
