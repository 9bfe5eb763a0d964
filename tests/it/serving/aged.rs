//! An authority that somebody's operator made long ago.

use std::time::{Duration, SystemTime};

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

use super::cluster::SECRET;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A Secret with an authority that has 100 of its 365 days left: less than a third.
pub fn authority() -> Secret {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "made long ago");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let now = SystemTime::now();
    params.not_before = (now - 265 * DAY).into();
    params.not_after = (now + 100 * DAY).into();
    let certificate = params.self_signed(&key).unwrap().pem();
    let data = [("tls.crt", certificate), ("tls.key", key.serialize_pem())];
    Secret {
        metadata: ObjectMeta { name: Some(SECRET.to_owned()), ..ObjectMeta::default() },
        data: Some(data.map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes()))).into()),
        ..Secret::default()
    }
}
