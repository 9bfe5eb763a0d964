//! The `SEI_*` variables and their meaning.
//!
//! Variables of the original operator that nothing here uses (`SEI_STORAGE_CLASS_DEFAULT`, `SEI_GATEWAY_*`) may be set
//! and are ignored.

use std::fmt::Write;

/// One variable, as the help and the messages present it.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Meaning of its value.
    pub meaning: &'static str,
    /// A good value.
    pub example: &'static str,
}

macro_rules! variables {
    ($($id:ident: $name:literal, $meaning:literal, $example:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $id: Variable = Variable { name: $name, meaning: $meaning, example: $example };)+
        /// All variables; every one must be set.
        pub const VARIABLES: &[Variable] = &[$($id),+];
    };
}

variables! {
    NODEPOOL: "SEI_NODEPOOL_NAME", "node pool of all but archives; also value of the taint", "sei-node";
    NODEPOOL_ARCHIVE: "SEI_NODEPOOL_ARCHIVE", "node pool of archives", "sei-archive";
    TOLERATION_KEY: "SEI_TOLERATION_KEY", "key of the taint that node pods tolerate", "sei.io/workload";
    SERVICE_ACCOUNT: "SEI_SERVICE_ACCOUNT", "ServiceAccount of node pods", "seid-node";
    CLASS_PERF: "SEI_STORAGE_CLASS_PERF", "storage class of all nodes but archives", "gp3-10k-750";
    CLASS_ARCHIVE: "SEI_STORAGE_CLASS_ARCHIVE", "storage class of archives", "gp3-archive";
    SIZE: "SEI_STORAGE_SIZE_DEFAULT", "data volume of all nodes but archives", "2000Gi";
    SIZE_ARCHIVE: "SEI_STORAGE_SIZE_ARCHIVE", "data volume of archives", "40Ti";
    CPU: "SEI_RESOURCE_CPU_DEFAULT", "CPU requested for seid, all nodes but archives", "4";
    MEMORY: "SEI_RESOURCE_MEM_DEFAULT", "memory requested for seid, all nodes but archives", "32Gi";
    CPU_ARCHIVE: "SEI_RESOURCE_CPU_ARCHIVE", "CPU requested for seid of archives", "48";
    MEMORY_ARCHIVE: "SEI_RESOURCE_MEM_ARCHIVE", "memory requested for seid of archives", "448Gi";
    SNAPSHOT_BUCKET: "SEI_SNAPSHOT_BUCKET", "S3 bucket of snapshots", "my-sei-snapshots";
    SNAPSHOT_REGION: "SEI_SNAPSHOT_REGION", "AWS region of that bucket", "us-east-2";
    GENESIS_BUCKET: "SEI_GENESIS_BUCKET", "S3 bucket of genesis files", "my-sei-genesis";
    GENESIS_REGION: "SEI_GENESIS_REGION", "AWS region of that bucket", "us-east-2";
    EXPORT_BUCKET: "SEI_RESULT_EXPORT_BUCKET", "S3 bucket of replayers' results", "my-sei-results";
    EXPORT_REGION: "SEI_RESULT_EXPORT_REGION", "AWS region of that bucket", "us-east-2";
    EXPORT_PREFIX: "SEI_RESULT_EXPORT_PREFIX", "beginning of every key in that bucket", "shadow-results/";
}

/// The variable that may be missing: operators were set up before it existed.
pub const RETAIN: Variable = Variable {
    name: "SEI_STORAGE_RETAIN",
    meaning: "data volumes that outlive their SeiNodes where spec.dataVolume.retain is not set: fullNode, archive, \
              replayer, validator, signer, or none; archive,signer if the variable is missing",
    example: "archive,signer",
};

/// The part of `run --help` about variables.
pub fn help() -> String {
    let mut text =
        "Platform settings are environment variables. All but the last of these must be set, for example:\n"
            .to_owned();
    for Variable { name, meaning, example } in VARIABLES.iter().chain([&RETAIN]) {
        let assignment = format!("{name}={example}");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {assignment:<40} {meaning}");
    }
    text.push_str(
        "\nPOD_NAME (else HOSTNAME) names this process in events.\n\
         POD_NAMESPACE is the operator's own namespace; else it is the one of its credentials.\n\
         RUST_LOG filters the log, such as warn,seinode_controller=debug.\n\
         RUST_BACKTRACE=1 adds a backtrace to the log line of a panic.",
    );
    text
}
