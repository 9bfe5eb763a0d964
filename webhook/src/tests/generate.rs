//! Objects by chance, from a seed: the same seed makes the same objects.

use serde_json::{Map, Value, json};

/// xorshift64*: it spreads well enough for tests and needs no library.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Any JSON at all.
pub fn anything(chance: &mut Chance, depth: usize) -> Value {
    match chance.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(chance.one_in(2)),
        2 => json!(chance.pick(&[-1_i64, 0, 1, 2, i64::MAX, i64::MIN])),
        3 => json!(chance.pick(&[0.5, -1e300])),
        4 => json!(chance.pick(&["", "a", "OnDelete", "RollingUpdate", "\u{0}é💥", "sei.io/node=a", "-"])),
        5 => (0..chance.below(4)).map(|_| anything(chance, depth - 1)).collect(),
        _ => {
            let names = ["metadata", "labels", "spec", "sei.io/node", "sei.io/chain", "~0/~1", "x"];
            let member = |chance: &mut Chance| (chance.pick(&names).to_owned(), anything(chance, depth - 1));
            Value::Object((0..chance.below(4)).map(|_| member(chance)).collect::<Map<_, _>>())
        }
    }
}

/// A SeiNode that is mostly right.
pub fn node(chance: &mut Chance) -> Value {
    let mut spec = json!({ "chainId": chance.pick(&["pacific-1", "c", "x_y", ""]), "image": "seid:v1" });
    for _ in 0..=usize::from(chance.one_in(8)) {
        let (mode, value) = chance.pick(&[
            ("fullNode", json!({})),
            ("fullNode", json!({ "snapshot": { "s3": { "targetHeight": 5 }, "bootstrapImage": "b" } })),
            ("archive", json!({ "snapshotGeneration": { "tendermint": { "keepRecent": 1 } } })),
            ("replayer", json!({ "snapshot": { "s3": { "targetHeight": 1 } } })),
            ("validator", json!({})),
        ]);
        spec[mode] = value;
    }
    if chance.one_in(3) {
        spec["sidecar"] = json!({ "port": chance.pick(&[7777, 0, -5, 70_000]) });
    }
    if chance.one_in(3) {
        spec["dataVolume"] =
            chance.pick(&[json!({ "retain": true }), json!({ "import": { "pvcName": "p" } })]);
    }
    let mut node = super::fixtures::node(spec);
    decorate(chance, &mut node);
    node
}

/// A StatefulSet of a node, as the API server completes it.
pub fn set(chance: &mut Chance) -> Value {
    let strategy = chance.pick(&[
        json!({ "type": "OnDelete" }),
        json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0, "maxUnavailable": "10%" } }),
        json!({ "type": "RollingUpdate" }),
        json!({ "type": "Recreate", "unknown": 1 }),
    ]);
    let mut set = super::fixtures::set(json!({ "updateStrategy": strategy }));
    if chance.one_in(2) {
        set["spec"]["replicas"] = json!(chance.pick(&[0, 1]));
    }
    if chance.one_in(3) {
        set["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(chance.pick(&[0, 30, 120]));
    }
    if chance.one_in(4) {
        set["spec"]["template"].as_object_mut().unwrap().remove("metadata");
    }
    decorate(chance, &mut set);
    set
}

/// Adds members that no version of us knows.
fn decorate(chance: &mut Chance, object: &mut Value) {
    for parent in ["", "/metadata", "/spec", "/spec/template", "/spec/template/spec", "/spec/updateStrategy"]
    {
        if chance.one_in(3)
            && let Some(Value::Object(members)) = object.pointer_mut(parent)
        {
            members.insert("fromTheFuture".into(), anything(chance, 3));
        }
    }
    if chance.one_in(2) {
        object["metadata"]["labels"]["my/label"] = json!("x");
    }
}
