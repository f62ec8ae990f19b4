"""Whether the head of a cluster answers."""

from __future__ import annotations

import socket

import pytest

from cfgsweep.execution.cluster.head import HeadWatch, why_silent


@pytest.fixture
def listening() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address_of(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_head_that_is_gone_is_told_once(listening: socket.socket) -> None:
    told, address = [], address_of(listening)
    watch = HeadWatch(told.append)
    watch.look(address)
    assert told == []
    listening.close()
    watch.look(address)
    watch.look(address)
    (sentence,) = told
    assert sentence.startswith(f"the head of the cluster at {address} is gone (Connection refused): ")


@pytest.mark.parametrize("address", ["auto", "127.0.0.1", "ray://127.0.0.1:1"])
def test_of_other_addresses_it_is_not_known(address: str) -> None:
    assert why_silent(address) is None
