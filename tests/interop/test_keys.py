import json
import re
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

from gateway.identity.provision import install_answer, make_request
from uplink.keys import OpeningKey, Signer

PAGE = (Path(__file__).parents[2] / "docs" / "consume.md").read_text()
HUB = "hub-1"


def shell(words, folder):
    command = ["bash", "-euo", "pipefail", "-c", words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(start):
    """The block of the page that begins so."""
    (block,) = re.findall(rf"```sh\n({start}.+?)```", PAGE, re.DOTALL)
    return block


def test_keys_made_by_openssl_open_sign_and_enrol_a_hub(tmp_path):
    shell(commands("mkdir"), tmp_path)
    keys = tmp_path / "KEYS"
    opening = OpeningKey.from_text((keys / "hpke.key").read_text())
    signer = Signer.from_text((keys / "receipt.key").read_text())
    shell("openssl verify -CAfile ca.crt backend.crt broker.example.org.crt", keys)

    request = make_request(tmp_path / "hub", HUB)
    (tmp_path / "request.csr").write_text(request.csr)
    hpke, receipt, certify = [
        line.split("    #")[0] for line in commands("openssl pkey").strip().splitlines()
    ]
    certify = certify.replace("jq -r .csr request.json |", "cat request.csr |")
    answer = {
        "format": 1,
        "hub": HUB,
        "certificate": shell(certify, tmp_path),
        "broker_ca": (keys / "ca.crt").read_text(),
        "hpke": [{"suite": 32, "key": shell(hpke, tmp_path).strip()}],
        "receipt": [shell(receipt, tmp_path).strip()],
    }
    assert b64decode(answer["hpke"][0]["key"]) == opening.public().data
    assert answer["receipt"] == [b64encode(signer.public()).decode()]
    install_answer(tmp_path / "hub", HUB, json.dumps(answer).encode())
    assert (tmp_path / "hub" / "backend.hpke.pub").read_text() == opening.public().to_text()
