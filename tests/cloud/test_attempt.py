"""What a login at a provider sends, and what it takes back."""

import hashlib
from base64 import urlsafe_b64decode

import pytest

from cloud.doors.visitors.attempt import (
    ATTEMPT_SECONDS,
    Attempt,
    begun,
    resumed,
    tag_of,
)

NOW = 1_800_000_000


@pytest.fixture
def attempt() -> Attempt:
    return begun(NOW)


def test_cookie_and_state_make_the_attempt_again(attempt: Attempt) -> None:
    assert resumed(attempt.secret, attempt.state, NOW + 60) == attempt
    assert tag_of(attempt.state) == attempt.tag


def test_nothing_that_is_sent_tells_of_the_rest(attempt: Attempt) -> None:
    sent = {attempt.secret, attempt.state, attempt.nonce, attempt.verifier}
    assert len({part for text in sent for part in text.split(".")}) == 6
    assert len({begun(NOW).state for _ in range(100)}) == 100


def test_challenge_is_the_digest_of_the_verifier(attempt: Attempt) -> None:
    """RFC 7636, section 4.1: at least 43 characters."""
    assert len(attempt.verifier) == 43
    digest = urlsafe_b64decode(attempt.challenge + "=")
    assert digest == hashlib.sha256(attempt.verifier.encode()).digest()


@pytest.mark.parametrize("age", [-1, ATTEMPT_SECONDS + 1])
def test_attempts_end(attempt: Attempt, age: int) -> None:
    assert resumed(attempt.secret, attempt.state, NOW + age) is None


def test_a_state_cannot_be_made_younger(attempt: Attempt) -> None:
    tag, made, proof = attempt.state.split(".")
    later = f"{tag}.{int(made) + 600}.{proof}"
    assert resumed(attempt.secret, later, NOW + 900) is None


@pytest.mark.parametrize("state", ["", ".", "0" * 60, "00000000.1." + "A" * 43])
def test_other_states_are_nobodys(attempt: Attempt, state: str) -> None:
    assert resumed(attempt.secret, state, NOW) is None
    assert resumed("", attempt.state, NOW) is None
    assert resumed(begun(NOW).secret, attempt.state, NOW) is None
