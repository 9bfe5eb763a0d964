//! A Secret of a validator's keys becomes hostile: what is found of it is a finding, and holds nothing of the key.

use hostile::{Choices, mutate};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use seinode_core::keys::{Finding, node_key, signing_key};
use serde_json::{Value, json};

/// A key of nobody's, as `seid init` writes it (public test vector: RFC 8032, 7.1).
const PRIVATE: &str =
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// Looks at what these bytes make of a Secret.
pub fn play(bytes: &[u8]) {
    let choices = &mut Choices::of(bytes);
    let private = json!({"type": "tendermint/PrivKeyEd25519", "value": PRIVATE});
    let mut signing = json!({
        "address": "21FE31DFA154A261626BF854046FD2271B7BED4B",
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": PUBLIC},
        "priv_key": private,
    });
    let mut node = json!({"priv_key": private});
    mutate(&mut signing, choices);
    mutate(&mut node, choices);
    let text = |file: &Value, choices: &mut Choices<'_>| {
        let mut text = file.to_string().into_bytes();
        if choices.below(3) == 2 {
            text.truncate(choices.below(text.len()));
        }
        ByteString(text)
    };
    let data = [
        ("priv_validator_key.json".to_owned(), text(&signing, choices)),
        ("node_key.json".to_owned(), text(&node, choices)),
    ];
    let secret = Secret { data: Some(data.into()), ..Secret::default() };
    let said = format!("{:?} {:?}", signing_key("s", "n", Some(&secret)), node_key("s", "n", Some(&secret)));
    assert!(said.len() < 2_000, "{said}");
    assert!(!said.contains(&PRIVATE[..20]), "a finding shows the key: {said}");
    if let Finding::Unread(_) = signing_key("s", "n", None) {
        panic!("a Secret that does not exist was not read");
    }
}
