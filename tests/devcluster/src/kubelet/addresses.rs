//! Addresses of pods: no two sandboxes have the same one at the same time. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// First address of pods; apart from the range of the Services.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
/// Size of the network `10.64.0.0/16`.
const COUNT: u32 = 65_534;

/// Reuse of an address whose sandbox is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressReuse {
    /// After all other addresses.
    #[default]
    Last,
    /// By the next pod, as with some network plugins.
    First,
}

/// The network of the cluster's pods.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    next: u32,
    taken: BTreeSet<Ipv4Addr>,
    /// Given back last, at the end.
    free: Vec<Ipv4Addr>,
    pub(super) reuse: AddressReuse,
}

impl Addresses {
    /// `None` when 65,534 sandboxes exist.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        let reused = match self.reuse {
            AddressReuse::First => self.free.pop(),
            AddressReuse::Last => None,
        };
        let address = reused.or_else(|| self.unused())?;
        self.taken.insert(address);
        Some(address)
    }

    pub(super) fn give_back(&mut self, address: Ipv4Addr) {
        if self.taken.remove(&address) {
            self.free.push(address);
        }
    }

    fn unused(&mut self) -> Option<Ipv4Addr> {
        let mut candidates = (0..COUNT).map(|step| {
            let offset = (self.next + step) % COUNT;
            (offset, Ipv4Addr::from(u32::from(FIRST) + offset))
        });
        let (offset, address) = candidates.find(|(_, address)| !self.taken.contains(address))?;
        self.next = (offset + 1) % COUNT;
        self.free.retain(|free| *free != address);
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_unique_and_come_round_last() {
        let mut addresses = Addresses::default();
        let all: BTreeSet<_> = (0..COUNT).map(|_| addresses.take().unwrap()).collect();
        assert_eq!(all.len(), COUNT as usize);
        assert_eq!(addresses.take(), None);
        addresses.give_back(Ipv4Addr::new(10, 64, 1, 7));
        assert_eq!(addresses.take(), Some(Ipv4Addr::new(10, 64, 1, 7)));
    }

    #[test]
    fn an_address_is_reused_first_when_asked_for() {
        let mut addresses = Addresses::default();
        let [first, second] = [addresses.take().unwrap(), addresses.take().unwrap()];
        addresses.give_back(first);
        addresses.give_back(first);
        let third = addresses.take().unwrap();
        assert!(third != first && third != second, "by default it comes round last");
        addresses.reuse = AddressReuse::First;
        assert_eq!(addresses.take(), Some(first));
        assert_ne!(addresses.take(), Some(first), "nobody gets the address of a running pod");
    }
}
