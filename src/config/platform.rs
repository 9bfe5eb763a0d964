//! The `SEI_*` variables: what they mean, and how they become the platform settings (reference: crd-and-workload §5).
//!
//! Variables of the original operator that nothing here uses (`SEI_STORAGE_CLASS_DEFAULT`, `SEI_GATEWAY_*`) may be set
//! and are not looked at.

use std::{collections::BTreeMap, fmt::Write};

use seinode_core::{
    platform::{Bucket, Platform, Requests, ResultExport},
    quantity::Quantity,
};

use super::{
    problem::{Findings, Problem, Problems},
    rules::{self, Judgement},
};

/// One variable, as the help and the messages present it.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it sets.
    pub meaning: &'static str,
    /// A good value.
    pub example: &'static str,
}

macro_rules! variables {
    ($($id:ident: $name:literal, $meaning:literal, $example:literal;)+) => {
        $(const $id: Variable = Variable { name: $name, meaning: $meaning, example: $example };)+
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
    EXPORT_BUCKET: "SEI_RESULT_EXPORT_BUCKET", "S3 bucket of what replayers find", "my-sei-results";
    EXPORT_REGION: "SEI_RESULT_EXPORT_REGION", "AWS region of that bucket", "us-east-2";
    EXPORT_PREFIX: "SEI_RESULT_EXPORT_PREFIX", "beginning of every key in that bucket", "shadow-results/";
}

/// The platform settings of an environment.
///
/// # Errors
/// Every variable that is missing or wrong, in the order of the help.
pub fn parse(environment: &BTreeMap<String, String>) -> Result<Platform, Problems> {
    let mut findings = Findings::default();
    let platform = read(&mut Reader { environment, findings: &mut findings });
    findings.conclude(platform)
}

/// What `run --help` says about the variables.
pub fn help() -> String {
    let mut text =
        "Platform settings are environment variables. All of these must be set, for example so:\n".to_owned();
    for Variable { name, meaning, example } in VARIABLES {
        let assignment = format!("{name}={example}");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {assignment:<40} {meaning}");
    }
    text.push_str(
        "\nPOD_NAME (else HOSTNAME) names this process in events.\n\
         POD_NAMESPACE is the operator's own namespace; else it is the one of its credentials.\n\
         RUST_LOG chooses what is logged, such as warn,seinode_controller=debug.",
    );
    text
}

/// Reads all variables before it looks whether one was missing: that is what makes the report complete.
fn read(reader: &mut Reader<'_>) -> Option<Platform> {
    let nodepool_default = reader.text(&NODEPOOL, rules::label_value);
    let nodepool_archive = reader.text(&NODEPOOL_ARCHIVE, rules::label_value);
    let toleration_key = reader.text(&TOLERATION_KEY, rules::qualified_name);
    let service_account = reader.text(&SERVICE_ACCOUNT, rules::dns_subdomain);
    let storage_class_default = reader.text(&CLASS_PERF, rules::dns_subdomain);
    let storage_class_archive = reader.text(&CLASS_ARCHIVE, rules::dns_subdomain);
    let storage_size_default = reader.size(&SIZE);
    let storage_size_archive = reader.size(&SIZE_ARCHIVE);
    let resources_default = reader.requests(&CPU, &MEMORY);
    let resources_archive = reader.requests(&CPU_ARCHIVE, &MEMORY_ARCHIVE);
    let snapshot_bucket = reader.bucket(&SNAPSHOT_BUCKET, &SNAPSHOT_REGION);
    let genesis_bucket = reader.bucket(&GENESIS_BUCKET, &GENESIS_REGION);
    let result_export = reader.result_export(&EXPORT_BUCKET, &EXPORT_REGION, &EXPORT_PREFIX);
    Some(Platform {
        nodepool_default: nodepool_default?,
        nodepool_archive: nodepool_archive?,
        toleration_key: toleration_key?,
        service_account: service_account?,
        storage_class_default: storage_class_default?,
        storage_class_archive: storage_class_archive?,
        storage_size_default: storage_size_default?,
        storage_size_archive: storage_size_archive?,
        resources_default: resources_default?,
        resources_archive: resources_archive?,
        snapshot_bucket: snapshot_bucket?,
        genesis_bucket: genesis_bucket?,
        result_export: result_export?,
    })
}

struct Reader<'a> {
    environment: &'a BTreeMap<String, String>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn text(&mut self, variable: &Variable, rule: fn(&str) -> Judgement) -> Option<String> {
        let judged = self.value(variable).and_then(|value| match rule(&value) {
            Ok(()) => Ok(value),
            Err(reason) => Err(variable.problem(format!("is {value:?}, which {reason}"))),
        });
        self.findings.take(judged)
    }

    fn quantity(&mut self, variable: &Variable) -> Option<Quantity> {
        let judged = self
            .value(variable)
            .and_then(|value| value.parse().map_err(|why| variable.problem(format!("is wrong: {why}"))));
        self.findings.take(judged)
    }

    /// A volume of no size is refused by the API server, later and less clearly.
    fn size(&mut self, variable: &Variable) -> Option<Quantity> {
        let size = self.quantity(variable)?;
        let judged = match size.milli() {
            0 => Err(variable.problem("is zero")),
            _ => Ok(size),
        };
        self.findings.take(judged)
    }

    fn requests(&mut self, cpu: &Variable, memory: &Variable) -> Option<Requests> {
        let (cpu, memory) = (self.quantity(cpu), self.quantity(memory));
        Some(Requests { cpu: cpu?, memory: memory? })
    }

    fn bucket(&mut self, name: &Variable, region: &Variable) -> Option<Bucket> {
        let (name, region) = (self.text(name, rules::bucket), self.text(region, rules::region));
        Some(Bucket { name: name?, region: region? })
    }

    /// Any prefix will do that is one: S3 takes what it is given.
    fn result_export(
        &mut self,
        name: &Variable,
        region: &Variable,
        prefix: &Variable,
    ) -> Option<ResultExport> {
        let (bucket, prefix) = (self.bucket(name, region), self.text(prefix, |_| Ok(())));
        Some(ResultExport { bucket: bucket?, prefix: prefix? })
    }

    fn value(&self, variable: &Variable) -> Result<String, Problem> {
        match self.environment.get(variable.name) {
            None => Err(variable.problem("is not set")),
            Some(value) if value.is_empty() => Err(variable.problem("is empty")),
            Some(value) => Ok(value.clone()),
        }
    }
}

impl Variable {
    fn problem(&self, reason: impl Into<String>) -> Problem {
        Problem::of(self.name, reason, format!("it sets the {}, such as {}", self.meaning, self.example))
    }
}
