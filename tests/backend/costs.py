"""What a transaction costs, in counts: statements, and steps of the database."""

from contextlib import contextmanager

from sqlalchemy import event

STEPS = 100  # of SQLite's virtual machine, which every row visited takes some of


class Cost:
    """What was spent within `spending`."""

    def __init__(self, office):
        self._engine = office.ledger._engine
        self.statements = 0
        self.steps = 0

    @contextmanager
    def spending(self):
        begun = self.statements, self.steps
        event.listen(self._engine, "before_cursor_execute", self._count)
        with self._engine.connect() as connection:
            database = connection.connection.dbapi_connection
        database.set_progress_handler(self._step, STEPS)
        spent = []
        yield spent
        database.set_progress_handler(None, 0)
        event.remove(self._engine, "before_cursor_execute", self._count)
        spent += [self.statements - begun[0], self.steps - begun[1]]

    def _count(self, *_):
        self.statements += 1

    def _step(self):
        self.steps += 1
