//! Whether what was negotiated for a peer makes sense, before a shard builds on it.

use room_core::params::PeerParams;

use crate::refusal::Refusal;

const MAX_SLOTS: usize = 16;
const MAX_PUBLISHED: usize = 8;

/// Whether a name and password of ours are long enough (RFC 8445 section 5.3).
pub(crate) fn is_sound(ufrag: &str, pwd: &str) -> bool {
    ufrag.len() >= 4 && pwd.len() >= 22
}

/// # Errors
/// `BadParameters`.
pub(crate) fn check(params: &PeerParams) -> Result<(), Refusal> {
    let codecs =
        params.slots.iter().map(|slot| &slot.codecs).chain(params.publishes.iter().map(|one| &one.codecs));
    let sound = params.slots.len() <= MAX_SLOTS
        && params.publishes.len() <= MAX_PUBLISHED
        && is_sound(&params.local.ufrag, &params.local.pwd)
        && !params.remote.expected().is_empty()
        && codecs.flatten().all(|codec| codec.pt < 128 && codec.rtx_pt.is_none_or(|pt| pt < 128));
    if sound { Ok(()) } else { Err(Refusal::BadParameters) }
}
