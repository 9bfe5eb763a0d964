use std::time::Duration;

use super::*;
use crate::tests::fixtures::{DAY, HOUR, authority, on};

fn begun() -> Stored {
    Stored::begun(authority(Duration::ZERO), &Bundle::default(), on(Duration::ZERO))
}

fn fingerprints(bundle: &Bundle) -> BTreeSet<Fingerprint> {
    bundle.iter().map(Certificate::fingerprint).collect()
}

#[test]
fn what_is_stored_comes_back() {
    let full =
        begun().staged(authority(DAY), on(DAY)).promoted(on(2 * DAY)).staged(authority(3 * DAY), on(3 * DAY));
    for stored in [begun(), full] {
        let read = Stored::read(&stored.content()).unwrap();
        assert_eq!(read.content(), stored.content());
        assert_eq!((read.retired, read.signer.certificate()), (stored.retired, stored.signer.certificate()));
    }
}

#[test]
fn every_part_that_is_tampered_with_makes_the_secret_corrupt() {
    let full =
        begun().staged(authority(DAY), on(DAY)).promoted(on(2 * DAY)).staged(authority(3 * DAY), on(3 * DAY));
    let content = full.content();
    assert_eq!(
        content.keys().collect::<Vec<_>>(),
        ["next.crt", "next.key", "retired.json", "tls.crt", "tls.key"]
    );
    for part in content.keys() {
        let mut broken = content.clone();
        broken.insert(part.clone(), b"nonsense".to_vec());
        Stored::read(&broken).unwrap_err();
    }
    let missing = |parts: &[&str]| {
        let mut left = content.clone();
        left.retain(|name, _| !parts.contains(&name.as_str()));
        Stored::read(&left).map(|_| ())
    };
    assert_eq!(missing(&["tls.crt", "tls.key"]), Err(Corrupt::Missing("tls.crt")));
    assert_eq!(missing(&["tls.key"]), Err(Corrupt::Missing("tls.key")));
    assert_eq!(missing(&["next.crt"]), Err(Corrupt::Missing("next.crt")));
    assert_eq!(missing(&["next.crt", "next.key", "retired.json"]), Ok(()));
    assert_eq!(Stored::read(&BTreeMap::<String, Vec<u8>>::new()).unwrap_err(), Corrupt::Missing("tls.crt"));
}

#[test]
fn parts_that_nobody_here_knows_do_no_harm() {
    let mut content = begun().content();
    content.insert("ca.crt".into(), b"of a later version".to_vec());
    Stored::read(&content).unwrap();
}

#[test]
fn the_bundle_does_not_change_when_the_successor_takes_over() {
    let staged = begun().staged(authority(DAY), on(DAY));
    let promoted = staged.promoted(on(2 * DAY));
    assert_eq!(staged.bundle().pem(), promoted.bundle().pem());
    assert_eq!(promoted.signer.certificate(), staged.next.unwrap().certificate());
    assert_eq!(promoted.retired[0].since, on(2 * DAY));
}

#[test]
fn whoever_was_trusted_stays_so_whatever_takes_their_place() {
    let staged = begun().staged(authority(DAY), on(DAY));
    let before = fingerprints(&staged.bundle());
    let known = staged.bundle();
    for after in [
        staged.replaced(authority(2 * DAY), on(2 * DAY)),
        staged.staged(authority(2 * DAY), on(2 * DAY)),
        staged.promoted(on(2 * DAY)),
        Stored::begun(authority(2 * DAY), &known, on(2 * DAY)),
    ] {
        assert!(fingerprints(&after.bundle()).is_superset(&before));
    }
}

#[test]
fn no_list_grows_without_end() {
    let mut stored = begun();
    for day in 1..20 {
        stored = stored.replaced(authority(day * HOUR), on(day * HOUR));
    }
    assert_eq!(stored.retired.len(), MOST_RETIRED);
    assert_eq!(stored.retired.last().unwrap().since, on(19 * HOUR));
}

#[test]
fn no_key_is_in_the_debug_output_or_in_what_is_published() {
    let stored = begun().staged(authority(DAY), on(DAY));
    let shown = format!("{stored:?} {:?} {}", stored.bundle(), stored.bundle().pem());
    assert!(!shown.contains("PRIVATE"), "{shown}");
    for authority in [&stored.signer, stored.next.as_ref().unwrap()] {
        let pem = authority.key_pem();
        assert!(!shown.contains(pem.lines().nth(1).unwrap()), "{shown}");
    }
}
