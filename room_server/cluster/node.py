"""What a node is to the rest: a process, and how often it started."""

from __future__ import annotations

from dataclasses import dataclass

from room_server.ids import NodeId


@dataclass(frozen=True, slots=True)
class Node:
    """A process; `epoch` rises with each start and tells what it holds from what an earlier one held."""

    node_id: NodeId
    epoch: int
