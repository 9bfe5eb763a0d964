//! Every way in which a key file can be wrong, and that no word about it comes out of a key.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use serde_json::{Value, json};

use super::*;

/// RFC 8032, section 7.1, test 1: seed, and the public key that it leads to.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PRIVATE: &str =
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// The first 20 bytes of its SHA-256.
const ADDRESS: &str = "21FE31DFA154A261626BF854046FD2271B7BED4B";
/// Test 2's keys.
const OTHER_PUBLIC: &str = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
const OTHER_PRIVATE: &str =
    "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==";
/// The seed of test 1 with the public half of test 2.
const MIXED: &str =
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==";

fn signing() -> Value {
    json!({
        "address": ADDRESS,
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": PUBLIC},
        "priv_key": {"type": "tendermint/PrivKeyEd25519", "value": PRIVATE},
    })
}

fn node() -> Value {
    json!({
        "id": ADDRESS.to_lowercase(),
        "priv_key": {"type": "tendermint/PrivKeyEd25519", "value": PRIVATE},
    })
}

fn secret(key: &str, file: &str) -> Secret {
    let data = BTreeMap::from([(key.to_owned(), ByteString(file.into()))]);
    Secret { data: Some(data), ..Secret::default() }
}

fn changed(file: &Value, path: &str, value: &str) -> String {
    let mut file = file.clone();
    *file.pointer_mut(path).unwrap() = json!(value);
    file.to_string()
}

/// Every wrong file of a signing key, and a word of what is said about it.
fn wrong_signing_keys() -> Vec<(String, &'static str)> {
    let with = |path: &str, value: &str| changed(&signing(), path, value);
    vec![
        ("{".into(), "not the JSON of a key file (line 1"),
        ("[1]".into(), "not the JSON of a key file"),
        (format!("{{\"priv_key\": \"{PRIVATE}\"}}"), "not the JSON of a key file"),
        ("{}".into(), "has no address"),
        (with("/address", ""), "has no address"),
        (with("/address", "00FE31DFA154A261626BF854046FD2271B7BED4B"), "an address that does not belong"),
        (with("/pub_key/type", ""), "has no pub_key.type"),
        (with("/pub_key/value", ""), "has no pub_key.type or no pub_key.value"),
        (with("/pub_key/type", "tendermint/PubKeySecp256k1"), "other than tendermint/PubKeyEd25519"),
        (with("/pub_key/value", "%%%"), "pub_key.value that is not base64"),
        (with("/pub_key/value", &PUBLIC[..40]), "pub_key.value that is not 32 bytes long"),
        (with("/pub_key/value", OTHER_PUBLIC), "pub_key that does not belong"),
        // A whole private key of somebody else: test 2's.
        (with("/priv_key/value", OTHER_PRIVATE), "pub_key that does not belong"),
        (with("/priv_key/type", ""), "has no priv_key.type"),
        (with("/priv_key/value", ""), "has no priv_key.type or no priv_key.value"),
        (with("/priv_key/type", "tendermint/PrivKeySecp256k1"), "other than tendermint/PrivKeyEd25519"),
        (with("/priv_key/value", "%%%"), "priv_key.value that is not base64"),
        (with("/priv_key/value", SEED), "not 64 bytes long"),
        // One more byte; and cut off while it was copied.
        (with("/priv_key/value", &PRIVATE.replace("Gg==", "GgA=")), "not 64 bytes long"),
        (with("/priv_key/value", &PRIVATE[..PRIVATE.len() - 1]), "priv_key.value that is not base64"),
        (with("/priv_key/value", MIXED), "two halves do not belong together"),
    ]
}

#[test]
fn a_key_that_is_whole_is_known_by_its_address_however_that_is_written() {
    let find = |file: &str| signing_key("s", "ns", Some(&secret(SIGNING_KEY, file)));
    let found = find(&signing().to_string());
    let (fingerprint, file) = (Fingerprint::of(ADDRESS), Digest::of(signing().to_string().as_bytes()));
    assert_eq!(found, Finding::Valid(SigningKey { fingerprint, file }));
    let lower_case = find(&changed(&signing(), "/address", &ADDRESS.to_lowercase()));
    let Finding::Valid(lower_case) = lower_case else { panic!("{lower_case:?}") };
    assert_eq!(lower_case.fingerprint, fingerprint);
    assert_ne!(lower_case.file, file);
    assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
    assert!(!fingerprint.to_string().to_uppercase().contains(&ADDRESS[..6]));
}

#[test]
fn every_wrong_signing_key_is_refused_with_the_reason_and_the_secret() {
    for (file, words) in wrong_signing_keys() {
        let found = signing_key("val-0", "ns", Some(&secret(SIGNING_KEY, &file)));
        let Finding::Invalid(why) = found else { panic!("{file}: {found:?}") };
        assert!(why.contains(words) && why.contains("priv_validator_key.json in Secret val-0"), "{why}");
    }
}

/// Every wrong file of a node key, and a word of what is said about it.
fn wrong_node_keys() -> Vec<(String, &'static str)> {
    let with = |path: &str, value: &str| changed(&node(), path, value);
    vec![
        ("nonsense".into(), "not the JSON of a key file"),
        (format!("{{\"priv_key\": \"{PRIVATE}\"}}"), "not the JSON of a key file"),
        ("{}".into(), "has no priv_key.type"),
        (with("/id", "ff"), "an id other than"),
        (with("/id", ADDRESS), "in lower-case hex"),
        (with("/priv_key/type", ""), "has no priv_key.type"),
        (with("/priv_key/value", ""), "has no priv_key.type or no priv_key.value"),
        (with("/priv_key/type", "tendermint/PrivKeySr25519"), "other than tendermint/PrivKeyEd25519"),
        (with("/priv_key/value", "%%%"), "priv_key.value that is not base64"),
        (with("/priv_key/value", SEED), "not 64 bytes long"),
        (with("/priv_key/value", MIXED), "two halves do not belong together"),
        (with("/priv_key/value", OTHER_PRIVATE), "an id other than"),
    ]
}

#[test]
fn a_node_key_needs_no_id_but_one_that_it_has_is_its_address() {
    let find = |file: &str| node_key("p2p", "ns", Some(&secret(NODE_KEY, file)));
    let mut without_id = node();
    without_id.as_object_mut().unwrap().remove("id");
    let id = NodeId::parse(&ADDRESS.to_lowercase()).unwrap();
    assert_eq!(find(&node().to_string()), Finding::Valid(id.clone()));
    assert_eq!(find(&without_id.to_string()), Finding::Valid(id.clone()));
    assert_eq!(find(&changed(&node(), "/id", "")), Finding::Valid(id));
    assert!(matches!(node_key("p2p", "sei", None), Finding::Missing(why) if why.contains(NODE_KEY)));
}

#[test]
fn every_wrong_node_key_is_refused_with_the_reason_and_the_secret() {
    for (row, (file, words)) in wrong_node_keys().into_iter().enumerate() {
        let found = node_key("p2p", "ns", Some(&secret(NODE_KEY, &file)));
        let Finding::Invalid(why) = found else { panic!("{row}: {found:?}") };
        assert!(why.contains(words) && why.contains("node_key.json in Secret p2p"), "{row}: {why}");
    }
}

#[test]
fn a_secret_that_is_missing_empty_or_going_is_told_apart() {
    let missing = signing_key("val-0", "sei", None);
    assert!(
        matches!(&missing, Finding::Missing(why) if why.contains("Secret val-0 does not exist in namespace sei")),
        "{missing:?}"
    );
    for secret in [Secret::default(), secret("other.json", "{}"), secret(SIGNING_KEY, "")] {
        let found = signing_key("val-0", "sei", Some(&secret));
        assert!(matches!(&found, Finding::Invalid(why) if why.contains("has no priv_validator_key.json")));
    }
    let mut going = secret(SIGNING_KEY, &signing().to_string());
    going.metadata =
        ObjectMeta { deletion_timestamp: Some(Time(jiff::Timestamp::UNIX_EPOCH)), ..ObjectMeta::default() };
    assert!(matches!(signing_key("val-0", "sei", Some(&going)), Finding::Going(_)));
}

#[test]
fn no_word_about_a_key_comes_out_of_it() {
    let signing = wrong_signing_keys().into_iter().chain([(signing().to_string(), "")]);
    let signing = signing
        .map(|(file, _)| format!("{:?}", signing_key("val-0", "ns", Some(&secret(SIGNING_KEY, &file)))));
    let node = wrong_node_keys().into_iter().chain([(node().to_string(), "")]);
    let node = node.map(|(file, _)| format!("{:?}", node_key("val-0", "ns", Some(&secret(NODE_KEY, &file)))));
    for said in signing.chain(node) {
        for private in [PRIVATE, OTHER_PRIVATE] {
            for at in 0..=private.len() - 6 {
                assert!(!said.contains(&private[at..at + 6]), "{said}");
            }
        }
    }
}

#[test]
fn the_output_of_sha256sum_is_read_and_nothing_else() {
    // `printf abc | sha256sum`
    let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let digest = Some(Digest::of(b"abc"));
    assert_eq!(Digest::parse(&format!("{digits}  -\n")), digest);
    assert_eq!(Digest::parse(&digits.to_uppercase()), digest);
    for wrong in ["", "-", &digits[1..], &digits[2..], &format!("{digits}00"), &digits.replace('b', "+")] {
        assert_eq!(Digest::parse(wrong), None, "{wrong}");
    }
}
