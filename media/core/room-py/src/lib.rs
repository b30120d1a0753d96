//! `media._core`: conversions between Python and the media core, and nothing else.
//!
//! Media threads never touch Python. Events wait in a queue; `event_fd` tells asyncio to come and get them.

mod stats;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use room_core::codec::{Codec, MediaKind};
use room_core::ice::Credentials;
use room_core::ids::{PeerId, SourceId, TapId, TrackId};
use room_core::message::Event;
use room_core::params::PeerParams;
use room_core::peer::Gone;
use room_core::room::Layout;
use room_core::source::Frame;
use room_core::tap::{Tapped, TappedFrame};
use room_core::time::Time;
use room_net::{Config, Drained, NotStarted, Refusal, Transport};

/// The media core: sockets, threads, rooms. See `media.engine` for the face that people use.
#[pyclass(module = "media._core", frozen)]
#[derive(Debug)]
struct Engine(room_net::Engine);

fn refused(refusal: Refusal) -> PyErr {
    PyValueError::new_err(refusal.code())
}

/// As Python's own: the number, the words, and what it was about.
fn not_started(failure: &NotStarted) -> PyErr {
    let about = failure.port.map(|port| match port {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    });
    match failure.error.raw_os_error() {
        Some(code) => PyOSError::new_err((code, failure.error.to_string(), about)),
        None => PyOSError::new_err(failure.error.to_string()),
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(config_json: &str) -> PyResult<Engine> {
        let config: Config =
            serde_json::from_str(config_json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        room_net::Engine::start(config).map(Engine).map_err(|failure| not_started(&failure))
    }

    #[getter]
    fn udp_port(&self) -> u16 {
        self.0.udp_port()
    }

    #[getter]
    fn tcp_port(&self) -> Option<u16> {
        self.0.tcp_port()
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    #[getter]
    fn event_fd(&self) -> i32 {
        self.0.event_fd()
    }

    fn drain_events<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.0.drain_events(most).iter().map(|event| event_tuple(py, event)).collect()
    }

    fn add_room(&self, room: &str) -> PyResult<()> {
        self.0.add_room(room).map_err(refused)
    }

    fn close_room(&self, room: &str) {
        self.0.close_room(room);
    }

    fn add_peer(&self, room: &str, params_json: &str) -> PyResult<(u64, Vec<u64>)> {
        let params: PeerParams =
            serde_json::from_str(params_json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let (peer, tracks) = self.0.add_peer(room, params).map_err(refused)?;
        Ok((peer.0, tracks.iter().map(|track| track.0).collect()))
    }

    fn remove_peer(&self, peer: u64) {
        self.0.remove_peer(PeerId(peer));
    }

    fn restart_ice(
        &self,
        peer: u64,
        local_ufrag: String,
        local_pwd: String,
        remote_ufrag: String,
    ) -> PyResult<()> {
        let credentials = Credentials { local_ufrag, local_pwd, remote_ufrag };
        self.0.restart_ice(PeerId(peer), &credentials).map_err(refused)
    }

    fn add_source(&self, room: &str) -> PyResult<(u64, u64, u64)> {
        let (source, audio, video) = self.0.add_source(room).map_err(refused)?;
        Ok((source.0, audio.0, video.0))
    }

    fn write_frame(
        &self,
        source: u64,
        codec: &str,
        data: &Bound<'_, PyBytes>,
        at_ns: u64,
        keyframe: bool,
    ) -> PyResult<()> {
        let codec = Codec::injected(codec).ok_or_else(|| PyValueError::new_err("unknown codec"))?;
        let frame = Frame { codec, data: data.as_bytes().to_vec(), at: Time::from_nanos(at_ns), keyframe };
        self.0.write_frame(SourceId(source), frame);
        Ok(())
    }

    fn flush_source(&self, source: u64) {
        self.0.flush_source(SourceId(source));
    }

    fn hold_source(&self, source: u64, until_ns: u64) {
        self.0.hold_source(SourceId(source), Time::from_nanos(until_ns));
    }

    fn remove_source(&self, source: u64) {
        self.0.remove_source(SourceId(source));
    }

    fn add_tap(&self, room: &str) -> PyResult<u64> {
        self.0.add_tap(room).map(|tap| tap.0).map_err(refused)
    }

    /// `(what was handed out, frames dropped, whether it is over)`.
    fn drain_tap<'py>(
        &self,
        py: Python<'py>,
        tap: u64,
        most: usize,
    ) -> PyResult<(Vec<Bound<'py, PyTuple>>, u64, bool)> {
        let Drained { tapped, dropped, closed } = self.0.drain_tap(TapId(tap), most);
        let tuples = tapped.iter().filter_map(|one| tapped_tuple(py, one).transpose());
        Ok((tuples.collect::<PyResult<_>>()?, dropped, closed))
    }

    fn remove_tap(&self, tap: u64) {
        self.0.remove_tap(TapId(tap));
    }

    fn set_layout(&self, room: &str, audio: Vec<Option<u64>>, video: Vec<Option<u64>>) -> PyResult<()> {
        let tracks = |ids: Vec<Option<u64>>| ids.into_iter().map(|id| id.map(TrackId)).collect();
        self.0.set_layout(room, &Layout { audio: tracks(audio), video: tracks(video) }).map_err(refused)
    }

    fn set_muted(&self, track: u64, muted: bool) {
        if muted { self.0.mute(TrackId(track)) } else { self.0.unmute(TrackId(track)) }
    }

    fn set_view(&self, peer: u64, slot: usize, max_height: u32) {
        self.0.set_view(PeerId(peer), slot, max_height);
    }

    #[pyo3(signature = (deadline_ns))]
    fn set_deadline(&self, deadline_ns: Option<u64>) {
        self.0.set_deadline(deadline_ns.map(Time::from_nanos));
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        stats::row(py, &py.detach(|| self.0.stats()))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }
}

/// `(name, fields…)`, in the order of `media._core.Event`.
fn event_tuple<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    match event {
        Event::PeerConnected { peer, room } => ("peer_connected", peer.0, &**room).into_pyobject(py),
        Event::PeerGone { peer, room, reason } => {
            ("peer_gone", peer.0, &**room, reason_name(*reason)).into_pyobject(py)
        }
        Event::TrackStarted { track, peer, kind } => {
            ("track_started", track.0, peer.0, kind_name(*kind)).into_pyobject(py)
        }
        Event::TrackEnded { track } => ("track_ended", track.0).into_pyobject(py),
        Event::Speaking { track, speaking } => ("speaking", track.0, *speaking).into_pyobject(py),
        Event::LayersWanted { peer, mid, rids } => ("layers_wanted", peer.0, mid, rids).into_pyobject(py),
        Event::RoomFailed { room, report, .. } => ("room_failed", &**room, report.as_str()).into_pyobject(py),
    }
}

/// A frame, written once, straight into Python's bytes; or a mark, as a name and its track.
fn tapped_tuple<'py>(py: Python<'py>, one: &Tapped) -> PyResult<Option<Bound<'py, PyTuple>>> {
    let mark = match one {
        Tapped::Frame(frame) => return frame_tuple(py, frame).map(Some),
        Tapped::Muted { track } => ("muted", track.0),
        Tapped::Unreadable { track } => ("unreadable", track.0),
        Tapped::Ended { track } => ("ended", track.0),
        Tapped::Closed => return Ok(None),
    };
    mark.into_pyobject(py).map(Some)
}

fn frame_tuple<'py>(py: Python<'py>, frame: &TappedFrame) -> PyResult<Bound<'py, PyTuple>> {
    let data = PyBytes::new_with(py, frame.len, |out| {
        frame.write(out);
        Ok(())
    })?;
    let codec = frame.codec.name();
    let marks = (frame.keyframe, frame.after_gap, frame.synced);
    (frame.track.0, frame.peer.0, codec, frame.layer, frame.at.as_nanos(), marks, data).into_pyobject(py)
}

const fn reason_name(reason: Gone) -> &'static str {
    match reason {
        Gone::Closed => "closed",
        Gone::ConsentTimeout => "consent_timeout",
        Gone::DtlsFailed => "dtls_failed",
        Gone::RoomClosed => "room_closed",
        Gone::NeverConnected => "never_connected",
    }
}

const fn kind_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()
}
