//! The two key files, as Tendermint writes them. Private parts are wiped when they are dropped, and never printed.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::node::NodeId;

const PRIVATE_TYPE: &str = "tendermint/PrivKeyEd25519";
const PUBLIC_TYPE: &str = "tendermint/PubKeyEd25519";
const SEED_BYTES: usize = 32;
const PUBLIC_BYTES: usize = 32;
/// Length of a private key: seed and public key.
const PRIVATE_BYTES: usize = SEED_BYTES + PUBLIC_BYTES;
/// An address is this much of the hash of a public key.
const ADDRESS_BYTES: usize = 20;

/// `priv_validator_key.json`.
#[derive(Deserialize)]
struct Signing {
    #[serde(default)]
    address: String,
    #[serde(default)]
    pub_key: Key,
    #[serde(default)]
    priv_key: Key,
}

/// `node_key.json`. Sei's Tendermint writes the node's id beside the key, older ones do not.
#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    id: String,
    #[serde(default)]
    priv_key: Key,
}

/// A key in base64, with its kind.
#[derive(Deserialize, Default)]
struct Key {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    value: Zeroizing<String>,
}

/// Judges a `priv_validator_key.json`, and returns the validator's address in upper-case hex.
///
/// # Errors
/// What is wrong with it, as the end of a sentence. Never a part of a key.
pub(super) fn signing(file: &[u8]) -> Result<String, String> {
    let Signing { address, pub_key, priv_key } = parse(file)?;
    if address.is_empty() {
        return Err("has no address".into());
    }
    let derived = derived(&priv_key)?;
    if pub_key.value.is_empty() || pub_key.kind.is_empty() {
        return Err("has no pub_key.type or no pub_key.value".into());
    }
    if pub_key.kind != PUBLIC_TYPE {
        return Err(format!(
            "has a pub_key.type other than {PUBLIC_TYPE}, the only one that Sei validators use"
        ));
    }
    let public = decode(&pub_key, "pub_key")?;
    if public.len() != PUBLIC_BYTES {
        return Err(format!("has a pub_key.value that is not {PUBLIC_BYTES} bytes long"));
    }
    if public.as_slice() != derived {
        return Err("has a pub_key that does not belong to its priv_key".into());
    }
    let expected = address_of(&derived);
    match address.eq_ignore_ascii_case(&expected) {
        true => Ok(expected),
        false => Err("has an address that does not belong to its priv_key".into()),
    }
}

/// Judges a `node_key.json`, and returns the node's id.
///
/// # Errors
/// What is wrong with it, as the end of a sentence. Never a part of a key.
pub(super) fn node(file: &[u8]) -> Result<NodeId, String> {
    let Node { id, priv_key } = parse(file)?;
    let expected = NodeId::parse(&address_of(&derived(&priv_key)?).to_ascii_lowercase());
    match expected.filter(|expected| id.is_empty() || id == expected.to_string()) {
        Some(id) => Ok(id),
        None => Err("has an id other than its priv_key's address in lower-case hex".into()),
    }
}

/// Reads a file. The parser's own words may quote what they did not understand, so only the place is told.
fn parse<'a, T: Deserialize<'a>>(file: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(file).map_err(|error| {
        format!("is not the JSON of a key file (line {}, column {})", error.line(), error.column())
    })
}

/// The public key that a private one leads to. The private one is a seed, and the public one again.
fn derived(key: &Key) -> Result<[u8; PUBLIC_BYTES], String> {
    if key.value.is_empty() || key.kind.is_empty() {
        return Err("has no priv_key.type or no priv_key.value".into());
    }
    if key.kind != PRIVATE_TYPE {
        return Err(format!(
            "has a priv_key.type other than {PRIVATE_TYPE}, the only one that Sei nodes use"
        ));
    }
    let bytes = decode(key, "priv_key")?;
    let halves = bytes.split_first_chunk::<SEED_BYTES>();
    let Some((seed, public)) = halves.filter(|(_, public)| public.len() == PUBLIC_BYTES) else {
        return Err(format!("has a priv_key.value that is not {PRIVATE_BYTES} bytes long"));
    };
    let derived = SigningKey::from_bytes(seed).verifying_key().to_bytes();
    match derived == public {
        true => Ok(derived),
        false => Err("has a priv_key whose two halves do not belong together".into()),
    }
}

fn decode(key: &Key, member: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    // Wrapped before it is filled: what was decoded before a mistake is wiped too.
    let mut bytes = Zeroizing::new(Vec::new());
    match STANDARD.decode_vec(key.value.as_bytes(), &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(format!("has a {member}.value that is not base64")),
    }
}

/// The address of a public key, in upper-case hex.
fn address_of(public: &[u8; PUBLIC_BYTES]) -> String {
    Sha256::digest(public).iter().take(ADDRESS_BYTES).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}
