//! Socket addresses as the kernel has them.

use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An IPv4 or IPv6 address, with room for either.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

pub(crate) const NAME_BYTES: libc::socklen_t = size_of::<Name>() as libc::socklen_t;

impl Name {
    pub(crate) fn nobody() -> Name {
        // SAFETY: all-zero is a valid value of these plain C structures.
        unsafe { zeroed() }
    }

    /// The kernel's form of an address, and its length.
    pub(crate) fn of(address: SocketAddr) -> (Name, libc::socklen_t) {
        let mut name = Name::nobody();
        match address {
            SocketAddr::V4(from) => {
                let sin_addr = libc::in_addr { s_addr: u32::from_ne_bytes(from.ip().octets()) };
                name.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: from.port().to_be(),
                    sin_addr,
                    sin_zero: [0; 8],
                };
                (name, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(from) => {
                name.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: from.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: from.ip().octets() },
                    sin6_scope_id: from.scope_id(),
                };
                (name, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// The address that the kernel wrote; `None` when it is of neither kind.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        // SAFETY: whatever was written begins with its family; zero, when nothing was, is none of the two.
        match libc::c_int::from(unsafe { self.family }) {
            libc::AF_INET => {
                // SAFETY: the family says so.
                let from = unsafe { self.v4 };
                let ip = Ipv4Addr::from(from.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(from.sin_port))))
            }
            libc::AF_INET6 => {
                // SAFETY: the family says so.
                let from = unsafe { self.v6 };
                let ip = Ipv6Addr::from(from.sin6_addr.s6_addr);
                let port = u16::from_be(from.sin6_port);
                Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, from.sin6_scope_id)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_there_and_back() {
        for text in ["192.0.2.7:5004", "[2001:db8::7]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Name::of(address).0.address(), Some(address));
        }
        assert_eq!(Name::nobody().address(), None);
    }
}
