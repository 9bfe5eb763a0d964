//! Keys for validators that never validate: from the test vectors of RFC 8032, which everybody knows.

/// A file `priv_validator_key.json`, and what is secret in it.
#[derive(Clone, Copy)]
pub struct SigningKey {
    /// First 20 bytes of the SHA-256 of the public key.
    pub address: &'static str,
    public: &'static str,
    /// Seed and public key. The first 42 characters are of the seed alone.
    private: &'static str,
}

/// RFC 8032 §7.1, TEST 1.
pub const FIRST: SigningKey = SigningKey {
    address: "21FE31DFA154A261626BF854046FD2271B7BED4B",
    public: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    private: "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==",
};
/// RFC 8032 §7.1, TEST 2.
pub const SECOND: SigningKey = SigningKey {
    address: "39F713D0A644253F04529421B9F51B9B08979D08",
    public: "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
    private: "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==",
};
/// RFC 8032 §7.1, TEST 3, as a key of the P2P layer.
pub const NODE_KEY: &str = "{\"priv_key\": {\"type\": \"tendermint/PrivKeyEd25519\", \"value\": \
    \"xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPf8Uc2OYhiho42kftACMPBYCBbtE7ozA6xd65EVSJCAJQ==\"}}";

impl SigningKey {
    /// The file.
    pub fn file(&self) -> String {
        self.with_address(self.address)
    }

    /// The file with another address: what somebody gets who puts two files together.
    pub fn with_address(&self, address: &str) -> String {
        let Self { public, private, .. } = self;
        format!(
            "{{\"address\": \"{address}\", \
             \"pub_key\": {{\"type\": \"tendermint/PubKeyEd25519\", \"value\": \"{public}\"}}, \
             \"priv_key\": {{\"type\": \"tendermint/PrivKeyEd25519\", \"value\": \"{private}\"}}}}"
        )
    }
}

/// True if a text holds any piece of a private key of these files.
pub fn holds_a_key(text: &str) -> bool {
    let seed = |private: &'static str| private.split_at(42).0;
    let node = NODE_KEY.split("\"value\": \"").nth(1).unwrap();
    let secrets = [seed(FIRST.private), seed(SECOND.private), seed(node)];
    secrets
        .iter()
        .any(|secret| (0..=secret.len() - LEAST).any(|from| text.contains(&secret[from..from + LEAST])))
}

/// A shorter piece may be there by chance.
const LEAST: usize = 8;
