"""A journal that keeps what was done, by name."""


class Steps(list):
    def note(self, step):
        self.append(step.did)
