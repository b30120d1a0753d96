//! Which shard owns what, asked only for datagrams that the kernel brought to another one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};

use room_core::ids::ShardIndex;
use room_core::message::{Owner, Route};

#[derive(Debug, Default)]
pub(crate) struct Routes(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    ufrags: HashMap<String, ShardIndex>,
    addresses: HashMap<SocketAddr, ShardIndex>,
}

impl Routes {
    pub(crate) fn change(&self, routes: impl Iterator<Item = Route>) {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for route in routes {
            tables.change(route);
        }
    }

    /// The shard of the peer that checks ask for by this name.
    pub(crate) fn of_ufrag(&self, ufrag: &str) -> Option<ShardIndex> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ufrags.get(ufrag).copied()
    }

    /// The shard to which a datagram belongs that `here` could not place.
    pub(crate) fn owner(&self, owner: &Owner, from: SocketAddr, here: ShardIndex) -> Option<ShardIndex> {
        if *owner == Owner::Settled {
            return None;
        }
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let shard = match owner {
            Owner::Settled => None,
            Owner::OfUfrag(ufrag) => tables.ufrags.get(ufrag),
            Owner::OfAddress => tables.addresses.get(&from),
        };
        shard.copied().filter(|shard| *shard != here)
    }
}

impl Tables {
    fn change(&mut self, route: Route) {
        match route {
            Route::Ufrag(ufrag, shard) => drop(self.ufrags.insert(ufrag, shard)),
            Route::NoUfrag(ufrag) => drop(self.ufrags.remove(&ufrag)),
            Route::Address(address, shard) => drop(self.addresses.insert(address, shard)),
            Route::NoAddress(address, shard) => {
                if self.addresses.get(&address) == Some(&shard) {
                    self.addresses.remove(&address);
                }
            }
        }
    }
}
