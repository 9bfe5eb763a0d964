//! The names that API servers call the webhooks by: DNS names and IP addresses. A leaf is valid for them, and our
//! authority may sign for no others.

use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};
use rustls::pki_types::{DnsName, ServerName};
use x509_parser::extensions::{self, GeneralName};

/// A domain that no server has (RFC 2606): permits nothing, where no DNS name is permitted.
const NOBODY: &str = "invalid";
/// All addresses, of both families.
const EVERYWHERE: [CidrSubnet; 2] = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];

/// The names that a leaf is valid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<SanType>);

/// Reason why names do not fit a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNames {
    /// No name.
    #[error("a certificate needs at least one name")]
    None,
    /// Neither a DNS name nor an IP address.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    Malformed(String),
}

impl Names {
    /// Reads names.
    ///
    /// # Errors
    /// When there is none, or one is neither a DNS name nor an IP address.
    pub fn parse<N: AsRef<str>>(names: &[N]) -> Result<Self, BadNames> {
        if names.is_empty() {
            return Err(BadNames::None);
        }
        let read =
            |name: &N| read(name.as_ref()).ok_or_else(|| BadNames::Malformed(name.as_ref().to_owned()));
        names.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The names as a client gives them.
    pub(crate) fn server_names(&self) -> impl Iterator<Item = ServerName<'static>> {
        self.0.iter().filter_map(|name| match name {
            SanType::IpAddress(address) => Some(ServerName::from(*address)),
            SanType::DnsName(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
            _ => None,
        })
    }

    /// The names as a certificate lists them.
    pub(crate) fn subject_alt_names(&self) -> Vec<SanType> {
        self.0.clone()
    }

    /// Reports whether every one of these names is among them.
    pub(crate) fn contain(&self, names: &Self) -> bool {
        names.0.iter().all(|name| self.0.contains(name))
    }

    /// These names, and others beside them.
    pub(crate) fn and(&self, others: &Self) -> Self {
        let new = others.0.iter().filter(|name| !self.0.contains(name)).cloned();
        Self(self.0.iter().cloned().chain(new).collect())
    }

    /// The constraints of an authority that may sign for these names only.
    pub(crate) fn constraints(&self) -> NameConstraints {
        let mut permitted: Vec<_> = self.0.iter().filter_map(subtree).collect();
        let is_address = |subtree: &GeneralSubtree| matches!(subtree, GeneralSubtree::IpAddress(_));
        // A kind of names that is not mentioned at all would be permitted altogether (RFC 5280, 4.2.1.10).
        let excluded = if permitted.iter().any(is_address) { &[][..] } else { &EVERYWHERE };
        if permitted.iter().all(is_address) {
            permitted.push(GeneralSubtree::DnsName(NOBODY.to_owned()));
        }
        NameConstraints {
            permitted_subtrees: permitted,
            excluded_subtrees: excluded.iter().cloned().map(GeneralSubtree::IpAddress).collect(),
        }
    }

    /// The names that constraints of ours permit.
    pub(crate) fn permitted_by(constraints: &extensions::NameConstraints<'_>) -> Self {
        let permitted = constraints.permitted_subtrees.iter().flatten();
        let names = permitted.filter_map(|subtree| match &subtree.base {
            GeneralName::DNSName(name) => read(name).filter(|_| *name != NOBODY),
            // The address comes before the mask.
            GeneralName::IPAddress(bytes) => {
                let half = bytes.get(..bytes.len() / 2)?;
                let address = <[u8; 4]>::try_from(half).map(IpAddr::from);
                address.or_else(|_| <[u8; 16]>::try_from(half).map(IpAddr::from)).ok().map(SanType::IpAddress)
            }
            _ => None,
        });
        Self(names.collect())
    }
}

fn read(name: &str) -> Option<SanType> {
    if let Ok(address) = name.parse() {
        return Some(SanType::IpAddress(address));
    }
    DnsName::try_from(name).ok()?;
    name.try_into().ok().map(SanType::DnsName)
}

fn subtree(name: &SanType) -> Option<GeneralSubtree> {
    match name {
        SanType::DnsName(name) => Some(GeneralSubtree::DnsName(name.as_str().to_owned())),
        SanType::IpAddress(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            Some(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, bits)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_names_and_addresses_and_at_least_one() {
        assert_eq!(Names::parse::<&str>(&[]), Err(BadNames::None));
        for wrong in ["", "a b", "ü.svc", "a..b", "-a.svc", "*"] {
            assert_eq!(Names::parse(&["a.svc", wrong]), Err(BadNames::Malformed(wrong.into())), "{wrong}");
        }
        assert_eq!(Names::parse(&["a.b.svc", "::1"]).unwrap().server_names().count(), 2);
    }

    #[test]
    fn names_are_joined_without_repetition() {
        let names = |names: &[&str]| Names::parse(names).unwrap();
        let both = names(&["a.svc", "::1"]).and(&names(&["b.svc", "a.svc"]));
        assert_eq!(both, names(&["a.svc", "::1", "b.svc"]));
        assert!(both.contain(&names(&["b.svc", "::1"])) && !both.contain(&names(&["a.svc", "c.svc"])));
    }
}
