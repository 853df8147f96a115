"""`vitalpost-backend` with one settings file, as it answers."""

import json

from backend.cli import main


class Shell:
    """Commands in one folder."""

    def __init__(self, folder, capsys, clock=None):
        self.folder = folder
        self._capsys = capsys
        self.settings = folder / "backend.toml"
        self.settings.write_text(f"""
[ledger]
path = "{folder / "ledger.db"}"
[keys]
dir = "{folder / "keys"}"
[broker]
host = "broker.example"
""")
        if clock:
            with self.settings.open("a") as file:
                file.write(f'[clock]\nsource = "script"\noptions = {{file = "{clock}"}}\n')

    def run(self, *words):
        """Exit code, stdout and stderr."""
        code = main([*words, "--settings", str(self.settings)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def ask(self, *words, code=0):
        """The data of a command that finds no problem."""
        found, out, _ = self.run(*words, "--json")
        assert found == code
        return json.loads(out)
