//! stub
use crate::failure::Failure;
use k8s_openapi::api::core::v1::Secret;
use uuid::Uuid;
/// stub
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(Uuid);
impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
impl Fingerprint {
    /// stub
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}
/// stub
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// a
    Valid(T),
    /// a
    Missing(String),
    /// a
    Going(String),
    /// a
    Invalid(String),
    /// a
    Unread(Failure),
}
/// stub
#[must_use]
pub fn signing_key(_: &str, _: &str, _: Option<&Secret>) -> Finding<Fingerprint> {
    Finding::Missing(String::new())
}
/// stub
#[must_use]
pub fn node_key(_: &str, _: &str, _: Option<&Secret>) -> Finding<()> {
    Finding::Missing(String::new())
}
