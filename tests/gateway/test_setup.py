from gateway.setup import SetupWindow


class Watch:
    now_s = 5.0

    def __call__(self):
        return self.now_s


def test_the_window_is_closed_until_it_is_opened_and_closes_by_itself():
    watch = Watch()
    setup = SetupWindow(watch)
    assert (setup.is_open, setup.left_s) == (False, 0)
    setup.open()
    watch.now_s += 899
    assert (setup.is_open, setup.left_s) == (True, 1)
    watch.now_s += 1
    assert not setup.is_open


def test_opening_it_again_prolongs_it_to_its_full_length_from_now():
    watch = Watch()
    setup = SetupWindow(watch)
    setup.open()
    watch.now_s += 600
    setup.open()
    assert setup.left_s == 900
    setup.close()
    assert not setup.is_open
