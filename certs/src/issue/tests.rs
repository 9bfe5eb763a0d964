use std::time::Duration;

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{ServerName, UnixTime},
};

use super::*;
use crate::tests::fixtures::{DAY, HOUR, authority, names, on};

/// Verdict on the leaf by a client that trusts the authority.
fn verdict(authority: &Authority, leaf: &Leaf, name: &str, now: Duration) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate().der().to_vec())).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let end = leaf.certified.end_entity_cert().unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(on(now).as_second().try_into().unwrap()));
    verifier.verify_server_cert(end, &[], &ServerName::try_from(name).unwrap(), &[], now).map(|_| ())
}

#[test]
fn a_leaf_is_trusted_under_its_names_only() {
    let authority = authority(Duration::ZERO);
    let leaf = authority.mint(&names(), on(DAY), &Lifetimes::default()).unwrap();
    for name in ["seinode-webhook.sei-system.svc", "127.0.0.1"] {
        verdict(&authority, &leaf, name, DAY).unwrap();
    }
    verdict(&authority, &leaf, "kubernetes.default.svc", DAY).unwrap_err();
    verdict(&super::tests::authority(Duration::ZERO), &leaf, "127.0.0.1", DAY).unwrap_err();
}

#[test]
fn a_leaf_is_valid_from_an_hour_before_and_for_seven_days() {
    let authority = authority(Duration::ZERO);
    let leaf = authority.mint(&names(), on(DAY), &Lifetimes::default()).unwrap();
    assert_eq!((leaf.held.not_before, leaf.held.not_after), (on(DAY - HOUR), on(8 * DAY)));
    for (now, fine) in
        [(DAY - HOUR, true), (8 * DAY - HOUR, true), (DAY - 2 * HOUR, false), (8 * DAY + HOUR, false)]
    {
        assert_eq!(verdict(&authority, &leaf, "127.0.0.1", now).is_ok(), fine, "{now:?}");
    }
    // A client whose clock is behind trusts an authority that was made just now.
    let early = authority.mint(&names(), on(Duration::ZERO), &Lifetimes::default()).unwrap();
    assert_eq!(authority.certificate().not_before, earlier(on(Duration::ZERO), HOUR));
    verdict(&authority, &early, "127.0.0.1", Duration::ZERO).unwrap();
}

#[test]
fn an_authority_lives_for_a_year_and_no_leaf_outlives_it() {
    let authority = authority(Duration::ZERO);
    assert_eq!(authority.certificate().not_after, on(365 * DAY));
    let leaf = authority.mint(&names(), on(363 * DAY), &Lifetimes::default()).unwrap();
    assert_eq!(leaf.held.not_after, on(365 * DAY));
    assert!(leaf.held.renew_at < on(365 * DAY));
}

#[test]
fn a_leaf_signs_nothing_and_an_authority_only_leaves() {
    let authority = authority(Duration::ZERO);
    let leaf = authority.mint(&names(), on(DAY), &Lifetimes::default()).unwrap();
    let read = |der: &[u8]| {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
        let constraints = certificate.basic_constraints().unwrap().map(|it| it.value.clone());
        let signs = certificate.key_usage().unwrap().unwrap().value.key_cert_sign();
        (constraints.map(|it| (it.ca, it.path_len_constraint)), signs)
    };
    assert_eq!(read(authority.certificate().der()), (Some((true, Some(0))), true));
    let (constraints, signs) = read(&leaf.certified.cert[0]);
    assert!(!signs && constraints.is_none_or(|(ca, _)| !ca));
    let (_, parsed) = x509_parser::parse_x509_certificate(&leaf.certified.cert[0]).unwrap();
    let purposes = &parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.server_auth && !purposes.client_auth && !purposes.any);
}

#[test]
fn two_authorities_and_two_leaves_are_never_the_same() {
    let (one, other) = (authority(Duration::ZERO), authority(Duration::ZERO));
    assert_ne!(one.certificate().fingerprint(), other.certificate().fingerprint());
    let leaf = || one.mint(&names(), on(DAY), &Lifetimes::default()).unwrap().certified.cert[0].clone();
    assert_ne!(leaf(), leaf());
}

#[test]
fn a_stored_authority_signs_again() {
    let before = authority(Duration::ZERO);
    let certificate = before.certificate().pem();
    let after = Authority::read(certificate.as_bytes(), before.key_pem().as_bytes()).unwrap();
    assert_eq!(after.certificate(), before.certificate());
    let leaf = after.mint(&names(), on(DAY), &Lifetimes::default()).unwrap();
    verdict(&before, &leaf, "127.0.0.1", DAY).unwrap();
}

#[test]
fn every_flaw_of_a_stored_authority_is_told_apart() {
    let (one, other) = (authority(Duration::ZERO), authority(Duration::ZERO));
    let (certificate, key) = (one.certificate().pem(), one.key_pem());
    let leaf = one.mint(&names(), on(DAY), &Lifetimes::default()).unwrap();
    let leaf = Certificate::from_der(&leaf.certified.cert[0]).unwrap().pem();
    let chain = certificate.clone() + &other.certificate().pem();
    let cut = certificate.replace("END", "FIN");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, flaw) in [
        ("", key.as_str(), Flaw::Certificate(Unreadable::NotPem)),
        (cut.as_str(), &key, Flaw::Certificate(Unreadable::NotPem)),
        (garbage, &key, Flaw::Certificate(Unreadable::NotX509)),
        (&chain, &key, Flaw::Chain),
        (&leaf, &key, Flaw::NotAnAuthority),
        (&certificate, "", Flaw::Key),
        (&certificate, &certificate, Flaw::Key),
        (&certificate, &other.key_pem(), Flaw::Strangers),
    ] {
        assert_eq!(Authority::read(certificate.as_bytes(), key.as_bytes()).unwrap_err(), flaw);
    }
}

#[test]
fn an_authority_signs_for_its_own_names_only() {
    let lifetimes = Lifetimes::default();
    for (own, foreign) in [
        (&["hook.sei.svc"][..], &["kubernetes.default.svc", "other.sei.svc", "10.0.0.1", "::1"][..]),
        (&["10.0.0.1"], &["hook.sei.svc", "10.0.0.2", "::1"]),
        (&["::1", "hook.sei.svc"], &["::2", "10.0.0.1", "hook.other.svc"]),
    ] {
        let names = Names::parse(own).unwrap();
        let authority = Authority::create(&names, on(Duration::ZERO), &lifetimes).unwrap();
        assert_eq!(authority.certificate().permitted(), Some(&names), "it is read back");
        for name in own {
            let leaf = authority.mint(&names, on(DAY), &lifetimes).unwrap();
            verdict(&authority, &leaf, name, DAY)
                .unwrap_or_else(|error| panic!("{own:?} for {name}: {error}"));
        }
        for name in foreign {
            let leaf = authority.mint(&Names::parse(&[name]).unwrap(), on(DAY), &lifetimes).unwrap();
            assert!(verdict(&authority, &leaf, name, DAY).is_err(), "{own:?} signs for {name}");
        }
    }
}

#[test]
fn debug_and_errors_show_no_key() {
    let authority = authority(Duration::ZERO);
    let leaf = authority.mint(&names(), on(DAY), &Lifetimes::default()).unwrap();
    let pem = authority.key_pem();
    let secret = pem.lines().nth(1).unwrap();
    let flaw = Authority::read(pem.as_bytes(), pem.as_bytes()).unwrap_err();
    let shown = format!("{authority:?} {authority:#?} {leaf:?} {:?} {flaw} {flaw:?}", leaf.certified);
    assert!(!shown.contains(&secret[..16]), "{shown}");
    // Nor as the bytes that it is made of.
    assert!(!shown.contains(", 48, 129,") && !shown.contains("d: ["), "{shown}");
    assert!(format!("{authority:?}").contains("2027-01-01"), "the facts are still there: {authority:?}");
}
