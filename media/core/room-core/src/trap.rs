//! Panics on purpose, for tests. Nothing of this is in what is shipped.

use std::cell::RefCell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Keyed by room.
    Check,
    Handshake,
    Media,
    Control,
    Timer,
    Source,
    Publishing,
    Layout,
    Closing,
    /// Keyed by the slot's source.
    Sealing,
}

thread_local! {
    static SET: RefCell<Vec<(Site, u64)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn set(site: Site, key: u64) {
    SET.with_borrow_mut(|set| set.push((site, key)));
}

/// How many have not gone off.
pub(crate) fn left() -> usize {
    SET.with_borrow(Vec::len)
}

pub(crate) fn step(site: Site, key: u64) {
    let found = SET.with_borrow_mut(|set| {
        let at = set.iter().position(|one| *one == (site, key))?;
        Some(set.swap_remove(at))
    });
    assert!(found.is_none(), "planted at {site:?}");
}
