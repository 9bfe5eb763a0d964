//! Every row of the table of imports, in its order.

use serde_json::{Value, json};

use super::*;
use crate::{
    platform::{Bucket, Requests, ResultExport},
    retention::RetentionPolicy,
};

/// A fault of a PVC or PV, and how it is told.
struct Fault {
    name: &'static str,
    /// Makes it, in a PVC and a PV that are sound or have later faults.
    make: fn(&mut World),
    told: Told,
    /// Words that the rule and the remedy must contain.
    words: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    NotReady,
    Invalid,
}

#[derive(Clone)]
struct World {
    pvc: Option<Value>,
    volume: Option<Value>,
}

impl World {
    /// A PVC and a PV without fault.
    fn sound() -> Self {
        Self {
            pvc: Some(json!({
                "metadata": {"name": "old-data", "namespace": "sei", "uid": "uid-of-pvc"},
                "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "volumeName": "disk-7"},
                "status": {"phase": "Bound", "capacity": {"storage": "2000Gi"}},
            })),
            volume: Some(json!({
                "metadata": {"name": "disk-7"},
                "spec": {"capacity": {"storage": "2000Gi"}},
                "status": {"phase": "Bound"},
            })),
        }
    }

    fn with(make: impl FnOnce(&mut Self)) -> Self {
        let mut world = Self::sound();
        make(&mut world);
        world
    }

    /// Sets a member of the PVC, if there is one.
    fn pvc(&mut self, pointer: &str, value: Value) {
        set(self.pvc.as_mut(), pointer, value);
    }

    /// Sets a member of the PV, if there is one.
    fn volume(&mut self, pointer: &str, value: Value) {
        set(self.volume.as_mut(), pointer, value);
    }

    fn judge(&self) -> ImportFinding {
        let pvc: Option<PersistentVolumeClaim> =
            self.pvc.clone().map(|pvc| serde_json::from_value(pvc).unwrap());
        let volume: Option<PersistentVolume> =
            self.volume.clone().map(|volume| serde_json::from_value(volume).unwrap());
        judge("old-data", "sei", pvc.as_ref(), volume.as_ref(), &"2000Gi".parse().unwrap())
    }
}

/// Sets what a path such as `/spec/volumeName` names; `null` is read as absent.
fn set(object: Option<&mut Value>, pointer: &str, value: Value) {
    let Some(object) = object else { return };
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[member] = value;
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "x/v1", "kind": kind, "name": name, "uid": "u", "controller": true}])
}

/// Every fault, in the order in which the rules are checked.
fn faults() -> Vec<Fault> {
    use Told::{Invalid, NotReady};
    let fault = |name, told, words, make| Fault { name, make, told, words };
    vec![
        fault("PVC missing", NotReady, &["does not exist", "namespace sei", "create it"], |w| w.pvc = None),
        fault("being deleted", NotReady, &["being deleted", "PV disk-7", "Retain"], |w| {
            w.pvc("/metadata/deletionTimestamp", json!("2025-11-21T05:00:00Z"));
        }),
        fault("owned by a SeiNode", Invalid, &["SeiNode/n7", "deleted together", "dataVolume.retain"], |w| {
            w.pvc("/metadata/ownerReferences", owner("SeiNode", "n7"));
        }),
        fault("owned", Invalid, &["Database/prod", "deleted together", "metadata.ownerReferences"], |w| {
            w.pvc("/metadata/ownerReferences", owner("Database", "prod"));
        }),
        fault("lost", Invalid, &["Lost", "PV disk-7", "claimRef"], |w| w.pvc("/status/phase", json!("Lost"))),
        fault("pending", NotReady, &["phase Pending", "must be Bound", "describe pvc"], |w| {
            w.pvc("/status/phase", json!("Pending"));
        }),
        fault("no phase", NotReady, &["phase (none)", "must be Bound"], |w| {
            w.pvc("/status/phase", json!(null))
        }),
        fault(
            "access modes",
            Invalid,
            &["[ReadOnlyMany, ReadWriteMany]", "ReadWriteOnce or ReadWriteOncePod", "Retain", "PV disk-7"],
            |w| w.pvc("/spec/accessModes", json!(["ReadOnlyMany", "ReadWriteMany"])),
        ),
        fault("no access modes", Invalid, &["accessModes []"], |w| w.pvc("/spec/accessModes", json!(null))),
        fault("block device", Invalid, &["volumeMode Block", "volumeMode Filesystem", "PV disk-7"], |w| {
            w.pvc("/spec/volumeMode", json!("Block"));
        }),
        fault("no capacity", NotReady, &["no status.capacity.storage", "describe pvc"], |w| {
            w.pvc("/status/capacity", json!(null));
        }),
        fault("unreadable capacity", Invalid, &["\"5GB\"", "suffix is unknown"], |w| {
            w.pvc("/status/capacity/storage", json!("5GB"));
        }),
        fault(
            "too small",
            Invalid,
            &["1999Gi", "needs 2000Gi", "resources.requests.storage", "SEI_STORAGE_SIZE_DEFAULT"],
            |w| {
                w.pvc("/status/capacity/storage", json!("1999Gi"));
                w.volume("/spec/capacity/storage", json!("1999Gi"));
            },
        ),
        fault("no volume name", NotReady, &["spec.volumeName is empty", "set it"], |w| {
            w.pvc("/spec/volumeName", json!(""));
        }),
        fault("PV missing", NotReady, &["PV disk-7, which does not exist", "claimRef"], |w| w.volume = None),
        fault("PV failed", Invalid, &["PV disk-7", "phase Failed", "status.message"], |w| {
            w.volume("/status/phase", json!("Failed"));
        }),
        fault("PV without capacity", Invalid, &["PV disk-7", "no spec.capacity.storage", "to 2000Gi"], |w| {
            w.volume("/spec/capacity", json!(null));
        }),
        fault("PV of unreadable capacity", Invalid, &["PV disk-7", "\"much\"", "to 2000Gi"], |w| {
            w.volume("/spec/capacity/storage", json!("much"));
        }),
        fault(
            "PV of other capacity",
            Invalid,
            &["2000Gi, but PV disk-7 has 2001Gi", "being expanded"],
            |w| {
                w.volume("/spec/capacity/storage", json!("2001Gi"));
            },
        ),
    ]
}

#[track_caller]
fn words(finding: &ImportFinding) -> (Told, &str) {
    match finding {
        ImportFinding::NotReady(words) => (Told::NotReady, words),
        ImportFinding::Invalid(words) => (Told::Invalid, words),
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn a_sound_volume_is_ready_under_the_uid_of_its_claim() {
    let ready = ImportFinding::Ready { uid: "uid-of-pvc".into() };
    assert_eq!(World::sound().judge(), ready);
    let sound: [fn(&mut World); 5] = [
        |w| w.pvc("/spec/accessModes", json!(["ReadWriteOncePod"])),
        |w| w.pvc("/spec/accessModes", json!(["ReadOnlyMany", "ReadWriteOnce"])),
        |w| w.pvc("/spec/volumeMode", json!(null)),
        |w| w.volume("/status", json!(null)),
        |w| {
            w.pvc("/status/capacity/storage", json!("3Ti"));
            w.volume("/spec/capacity/storage", json!("3Ti"));
        },
    ];
    for make in sound {
        let world = World::with(make);
        assert_eq!(world.judge(), ready, "{:?} {:?}", world.pvc, world.volume);
    }
}

#[test]
fn every_fault_is_told_in_its_class_and_words() {
    for fault in faults() {
        let finding = World::with(fault.make).judge();
        let (told, text) = words(&finding);
        assert_eq!(told, fault.told, "{}: {text}", fault.name);
        for word in fault.words {
            assert!(text.contains(word), "{}: {word:?} is not in {text:?}", fault.name);
        }
    }
}

#[test]
fn of_two_faults_the_earlier_is_told() {
    let faults = faults();
    let mut compared = 0;
    for (index, first) in faults.iter().enumerate() {
        for second in &faults[index + 1..] {
            let alone = World::with(first.make);
            // The earlier is made last, so that it stands where both touch the same member.
            let both = World::with(|world| {
                (second.make)(world);
                (first.make)(world);
            });
            // What both touch may leave one fault only; then there is nothing to compare.
            if both.pvc == alone.pvc && both.volume == alone.volume {
                continue;
            }
            assert_eq!(anonymous(&both), anonymous(&alone), "{} and {}", first.name, second.name);
            compared += 1;
        }
    }
    assert!(compared > 100, "only {compared} pairs of faults were compared");
}

/// The finding in words, whether or not the PVC still names its PV.
fn anonymous(world: &World) -> (Told, String) {
    let finding = world.judge();
    let (told, text) = words(&finding);
    (told, text.replace("PV disk-7", "its PV"))
}

#[test]
fn sizes_are_compared_by_value_and_not_as_they_are_written() {
    let sized = |claim: &str, volume: &str| {
        World::with(|world| {
            world.pvc("/status/capacity/storage", json!(claim));
            world.volume("/spec/capacity/storage", json!(volume));
        })
        .judge()
    };
    let ready = ImportFinding::Ready { uid: "uid-of-pvc".into() };
    // 2000Gi, the least that is asked for, in other words.
    for same in ["2048000Mi", "2147483648000", "2147483648e3", "2147483648000000m"] {
        assert_eq!(sized(same, "2000Gi"), ready, "{same}");
        assert_eq!(sized("2000Gi", same), ready, "{same}");
    }
    assert_eq!(sized("2Ti", "2048Gi"), ready);
    // A byte makes a difference.
    assert_eq!(words(&sized("2147483647999", "2147483647999")).0, Told::Invalid);
    assert_eq!(words(&sized("2000Gi", "2147483648001")).0, Told::Invalid);
    // Ti is not T: 2T is less than 2000Gi.
    assert_eq!(words(&sized("2T", "2T")).0, Told::Invalid);
}

#[test]
fn every_refusal_names_the_claim_and_a_remedy_and_never_asks_to_give_up_the_node() {
    for fault in faults() {
        let finding = World::with(fault.make).judge();
        let (_, text) = words(&finding);
        assert!(text.starts_with("PVC old-data "), "{}: {text}", fault.name);
        let (_, remedy) =
            text.split_once("; ").unwrap_or_else(|| panic!("{}: no remedy in {text}", fault.name));
        let asks = ["create", "set ", "wait", "raise", "mend", "kubectl describe"];
        assert!(asks.iter().any(|word| remedy.contains(word)), "{}: nothing to do in {remedy}", fault.name);
        assert!(!remedy.contains("SeiNode"), "{}: {text}", fault.name);
    }
}

#[test]
fn where_a_claim_has_to_go_the_words_save_its_data_first() {
    let mut asking = 0;
    for fault in faults() {
        let finding = World::with(fault.make).judge();
        let (_, text) = words(&finding);
        // "is being deleted" tells what goes on; "delete " asks for it.
        if let Some(deletes) = text.find("delete ") {
            let keeps = text.find("Retain").unwrap_or(usize::MAX);
            assert!(keeps < deletes, "{}: the data is not kept first: {text}", fault.name);
            asking += 1;
        }
    }
    assert_eq!(asking, 4, "access modes twice, block device, unreadable capacity");
}

#[test]
fn words_hold_nothing_that_changes_while_the_fault_stays() {
    let deleted_at =
        |time: &str| World::with(|world| world.pvc("/metadata/deletionTimestamp", json!(time))).judge();
    assert_eq!(deleted_at("2025-11-21T05:00:00Z"), deleted_at("2026-01-02T03:04:05Z"));
    let failed = |message: &str| {
        World::with(|world| world.volume("/status", json!({"phase": "Failed", "message": message}))).judge()
    };
    assert_eq!(failed("attempt 1 of 10.0.0.1:34567"), failed("attempt 2 of 10.0.0.1:34999"));
}

#[test]
fn the_volume_to_read_next_is_the_one_that_the_claim_is_bound_to() {
    let of = |name: Value| {
        let world = World::with(|world| world.pvc("/spec/volumeName", name));
        let pvc: PersistentVolumeClaim = serde_json::from_value(world.pvc.unwrap()).unwrap();
        volume_name(&pvc).map(str::to_owned)
    };
    assert_eq!(of(json!("disk-7")), Some("disk-7".to_owned()));
    assert_eq!(of(json!("")), None);
    assert_eq!(of(json!(null)), None);
    assert_eq!(volume_name(&PersistentVolumeClaim::default()), None);
}

#[test]
fn an_archive_needs_more_room_than_the_other_modes() {
    let platform = platform();
    let least = |mode: &str| {
        let object = format!(
            "metadata: {{name: n0, namespace: sei}}\nspec:\n  chainId: pacific-1\n  image: seid:1\n  \
             peers: [{{static: {{addresses: [a@b:1]}}}}]\n  {mode}\n"
        );
        let intent = Intent::parse(&serde_norway::from_str(&object).unwrap()).unwrap();
        least_size(&intent, &platform).to_string()
    };
    assert_eq!(least("archive: {}"), "40Ti");
    assert_eq!(least("fullNode: {}"), "2000Gi");
    assert_eq!(least("validator: {}"), "2000Gi");
    assert_eq!(least("replayer: {snapshot: {s3: {targetHeight: 5}}}"), "2000Gi");
}

fn platform() -> Platform {
    let bucket = || Bucket { name: "b".into(), region: "r".into() };
    let requests = || Requests { cpu: "4".parse().unwrap(), memory: "32Gi".parse().unwrap() };
    Platform {
        nodepool_default: "p".into(),
        nodepool_archive: "p".into(),
        toleration_key: "t".into(),
        service_account: "s".into(),
        storage_class_default: "c".into(),
        storage_class_archive: "c".into(),
        storage_size_default: "2000Gi".parse().unwrap(),
        storage_size_archive: "40Ti".parse().unwrap(),
        retention: RetentionPolicy::default(),
        resources_default: requests(),
        resources_archive: requests(),
        snapshot_bucket: bucket(),
        genesis_bucket: bucket(),
        result_export: ResultExport { bucket: bucket(), prefix: "x/".into() },
    }
}
