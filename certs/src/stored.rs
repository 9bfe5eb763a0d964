//! The content of the Secret as a value: the authority that signs, the one that is to follow it, and those that are still
//! trusted. Pure: reading and writing the Secret is the store's work.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    certificate::{Bundle, Certificate, Fingerprint, Unreadable},
    issue::{Authority, Flaw},
};

/// Keys of the Secret.
const SIGNER: Pair = Pair { certificate: "tls.crt", key: "tls.key" };
const NEXT: Pair = Pair { certificate: "next.crt", key: "next.key" };
const RETIRED: &str = "retired.json";

/// Retired authorities that are kept at most. A rotation leaves one; clocks that disagree leave more.
const MOST_RETIRED: usize = 8;

struct Pair {
    certificate: &'static str,
    key: &'static str,
}

/// The content of the Secret.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Signs the leaves.
    pub(crate) signer: Arc<Authority>,
    /// Is published already and signs nothing yet.
    pub(crate) next: Option<Arc<Authority>>,
    /// Sign nothing any more; their leaves may still be in use. Oldest first.
    pub(crate) retired: Vec<Retired>,
}

/// An authority without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The authority, which is still trusted.
    pub(crate) certificate: Certificate,
    /// End of its signing.
    pub(crate) since: Timestamp,
}

/// Defect of the Secret. It names no key's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// A part is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A pair cannot be used.
    #[error("{0}: {1}")]
    Flawed(&'static str, Flaw),
    /// The list of retired authorities.
    #[error("retired.json cannot be read")]
    Retired,
}

/// A retired authority as it is written down.
#[derive(Serialize, Deserialize)]
struct Record {
    certificate: String,
    since: Timestamp,
}

impl Stored {
    /// A content that begins with this signer; `trusted` are authorities whose leaves may be in use.
    pub(crate) fn begun(signer: Authority, trusted: &Bundle, now: Timestamp) -> Self {
        let mut stored = Self { signer: Arc::new(signer), next: None, retired: Vec::new() };
        // Oldest first: should there be too many, those go that are the least likely to have leaves.
        let mut trusted: Vec<_> = trusted.iter().collect();
        trusted.sort_by_key(|certificate| certificate.not_before);
        for certificate in trusted {
            stored.retire(certificate.clone(), now);
        }
        stored
    }

    /// The content with another signer at once, where the old one is of no use.
    pub(crate) fn replaced(&self, signer: Authority, now: Timestamp) -> Self {
        let mut stored = Self { signer: Arc::new(signer), ..self.clone() };
        stored.retire(self.signer.certificate().clone(), now);
        stored
    }

    /// The content with an authority that is to follow. One that was to follow before is only trusted from now on.
    pub(crate) fn staged(&self, next: Authority, now: Timestamp) -> Self {
        let mut stored = Self { next: Some(Arc::new(next)), ..self.clone() };
        if let Some(before) = &self.next {
            stored.retire(before.certificate().clone(), now);
        }
        stored
    }

    /// The content after the one that was to follow has followed.
    pub(crate) fn promoted(&self, now: Timestamp) -> Self {
        let Some(next) = &self.next else { return self.clone() };
        let mut stored = Self { signer: Arc::clone(next), next: None, retired: self.retired.clone() };
        stored.retire(self.signer.certificate().clone(), now);
        stored
    }

    /// The content without these retired authorities.
    pub(crate) fn without(&self, gone: &BTreeSet<Fingerprint>) -> Self {
        let mut stored = self.clone();
        stored.retired.retain(|retired| !gone.contains(&retired.certificate.fingerprint()));
        stored
    }

    /// The content with one more retired authority, if there is one.
    pub(crate) fn with(&self, retired: Option<&Certificate>, now: Timestamp) -> Self {
        let mut stored = self.clone();
        if let Some(certificate) = retired {
            stored.retire(certificate.clone(), now);
        }
        stored
    }

    fn retire(&mut self, certificate: Certificate, now: Timestamp) {
        let fingerprint = certificate.fingerprint();
        let known = self.signer.certificate().fingerprint() == fingerprint
            || self.retired.iter().any(|retired| retired.certificate.fingerprint() == fingerprint);
        if !known {
            self.retired.push(Retired { certificate, since: now });
        }
        let surplus = self.retired.len().saturating_sub(MOST_RETIRED);
        self.retired.drain(..surplus);
    }

    /// Everything that is to be trusted.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let live = [Some(&self.signer), self.next.as_ref()].into_iter().flatten();
        let live = live.map(|authority| authority.certificate().clone());
        live.chain(self.retired.iter().map(|retired| retired.certificate.clone())).collect()
    }

    /// Reads the Secret's content.
    ///
    /// # Errors
    /// When any part of it cannot be used: what was tampered with is made anew, not repaired.
    pub(crate) fn read<V: AsRef<[u8]>>(content: &BTreeMap<String, V>) -> Result<Self, Corrupt> {
        let signer = pair(content, &SIGNER)?.ok_or(Corrupt::Missing(SIGNER.certificate))?;
        let next = pair(content, &NEXT)?;
        let retired = part(content, RETIRED).map_or(Ok(Vec::new()), retired)?;
        Ok(Self { signer: Arc::new(signer), next: next.map(Arc::new), retired })
    }

    /// The content as it is stored.
    pub(crate) fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut content = BTreeMap::new();
        let pairs = [Some((&SIGNER, &self.signer)), self.next.as_ref().map(|next| (&NEXT, next))];
        for (pair, authority) in pairs.into_iter().flatten() {
            content.insert(pair.certificate.to_owned(), authority.certificate().pem().into_bytes());
            content.insert(pair.key.to_owned(), authority.key_pem().as_bytes().to_vec());
        }
        if !self.retired.is_empty() {
            let record = |retired: &Retired| {
                serde_json::json!(Record { certificate: retired.certificate.pem(), since: retired.since })
            };
            let records: serde_json::Value = self.retired.iter().map(record).collect();
            content.insert(RETIRED.to_owned(), records.to_string().into_bytes());
        }
        content
    }
}

fn pair<V: AsRef<[u8]>>(content: &BTreeMap<String, V>, names: &Pair) -> Result<Option<Authority>, Corrupt> {
    match (part(content, names.certificate), part(content, names.key)) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Corrupt::Missing(names.key)),
        (None, Some(_)) => Err(Corrupt::Missing(names.certificate)),
        (Some(certificate), Some(key)) => Authority::read(certificate, key)
            .map(Some)
            .map_err(|flaw| Corrupt::Flawed(names.certificate, flaw)),
    }
}

fn part<'a, V: AsRef<[u8]>>(content: &'a BTreeMap<String, V>, name: &str) -> Option<&'a [u8]> {
    content.get(name).map(AsRef::as_ref)
}

fn retired(text: &[u8]) -> Result<Vec<Retired>, Corrupt> {
    let records: Vec<Record> = serde_json::from_slice(text).map_err(|_| Corrupt::Retired)?;
    let read = |record: Record| -> Result<Retired, Unreadable> {
        let certificate = Certificate::from_pem(record.certificate.as_bytes())?.pop();
        let certificate = certificate.filter(Certificate::is_authority).ok_or(Unreadable::NotX509)?;
        Ok(Retired { certificate, since: record.since })
    };
    records.into_iter().map(read).collect::<Result<_, _>>().map_err(|_| Corrupt::Retired)
}

#[cfg(test)]
mod tests;
