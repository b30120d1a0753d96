//! Counts as tuples, in the order of the named tuples of `media.stats`: no text is made of them.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use room_core::stats::{PeerStats, SlotStats, TrackStats};
use room_net::EngineStats;

use crate::kind_name;

macro_rules! tuple {
    ($py:expr, $($value:expr),+ $(,)?) => {
        PyTuple::new($py, [$($value.into_bound_py_any($py)?),+])
    };
}

pub(crate) fn row<'py>(py: Python<'py>, stats: &EngineStats) -> PyResult<Bound<'py, PyTuple>> {
    let shards = &stats.shards;
    let peers = shards.peers.iter().map(|peer| of_peer(py, peer)).collect::<PyResult<Vec<_>>>()?;
    tuple!(
        py,
        peers,
        shards.totals.values(),
        shards.frames_refused,
        shards.unknown_datagrams,
        shards.panics,
        stats.events_lost,
        stats.is_complete,
    )
}

fn of_peer<'py>(py: Python<'py>, peer: &PeerStats) -> PyResult<Bound<'py, PyTuple>> {
    let tracks = peer.tracks.iter().map(|track| of_track(py, track)).collect::<PyResult<Vec<_>>>()?;
    let slots = peer.slots.iter().map(|slot| of_slot(py, slot)).collect::<PyResult<Vec<_>>>()?;
    tuple!(
        py,
        peer.peer,
        &*peer.room,
        peer.connected,
        peer.rtt_ms,
        peer.estimate_bps,
        peer.estimate_origin,
        peer.counters.values(),
        tracks,
        slots,
    )
}

fn of_track<'py>(py: Python<'py>, stats: &TrackStats) -> PyResult<Bound<'py, PyTuple>> {
    tuple!(
        py,
        stats.track.0,
        kind_name(stats.kind),
        stats.layer,
        stats.codec.name(),
        stats.counts.packets,
        stats.counts.bytes,
        stats.lost,
        stats.jitter_ms,
        stats.counts.nacks,
        stats.counts.plis,
        stats.freezes,
        stats.frozen_ms,
    )
}

fn of_slot<'py>(py: Python<'py>, stats: &SlotStats) -> PyResult<Bound<'py, PyTuple>> {
    tuple!(
        py,
        kind_name(stats.kind),
        stats.slot,
        stats.track.map(|(track, _)| track.0),
        stats.track.map(|(_, layer)| layer),
        stats.counts.packets,
        stats.counts.bytes,
        stats.counts.lost,
        stats.jitter_ms,
        stats.counts.retransmitted,
        stats.counts.nacks,
        stats.counts.plis,
        stats.freezes,
        stats.frozen_ms,
        stats.is_frozen,
    )
}
