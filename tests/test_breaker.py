import threading
import time

import pytest

from memos_project.breaker import CircuitBreaker, CircuitOpen


class Lost(Exception):
    pass


class Refused(Exception):
    pass


def call(breaker, error=None):
    with breaker.call():
        if error:
            raise error


def test_it_opens_after_failures_in_a_row_and_says_for_how_long():
    breaker = CircuitBreaker("b", failures=2, seconds=30, exclude=[Refused])
    call(breaker)
    for error in (Lost(), Refused(), Lost(), Lost()):
        with pytest.raises(type(error)):
            call(breaker, error)
    with pytest.raises(CircuitOpen, match=r"left alone for (29|30) s") as caught:
        call(breaker)
    assert 25 < caught.value.seconds <= 30


def test_it_is_tried_again_when_its_time_is_over():
    breaker = CircuitBreaker("b", failures=1, seconds=0.2)
    with pytest.raises(Lost):
        call(breaker, Lost())
    time.sleep(0.25)
    call(breaker)
    call(breaker)


def test_calls_of_several_threads_are_beside_each_other():
    breaker = CircuitBreaker("b", failures=1, seconds=30)
    together = threading.Barrier(3, timeout=10)

    def work():
        with breaker.call():
            together.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    with breaker.call():
        together.wait()
    for thread in threads:
        thread.join()
    assert not together.broken
