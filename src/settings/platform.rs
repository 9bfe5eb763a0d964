//! Platform settings from the `SEI_*` variables.

use std::collections::BTreeMap;

use seinode_core::{
    platform::{Bucket, Platform, Requests, ResultExport},
    quantity::Quantity,
    retention::RetentionPolicy,
};

use super::{
    problem::{Findings, Problem, Problems},
    rules::{self, Validated},
};
use crate::variables::{self, Variable};

/// The platform settings of an environment.
///
/// # Errors
/// Every variable that is missing or wrong, in the order of the help.
pub fn parse(environment: &BTreeMap<String, String>) -> Result<Platform, Problems> {
    let mut findings = Findings::default();
    let platform = read(&mut Reader { environment, findings: &mut findings });
    findings.conclude(platform)
}

/// Reads all variables before it looks whether one was missing: that is what makes the report complete.
fn read(reader: &mut Reader<'_>) -> Option<Platform> {
    let nodepool_default = reader.text(&variables::NODEPOOL, rules::label_value);
    let nodepool_archive = reader.text(&variables::NODEPOOL_ARCHIVE, rules::label_value);
    let toleration_key = reader.text(&variables::TOLERATION_KEY, rules::qualified_name);
    let service_account = reader.text(&variables::SERVICE_ACCOUNT, rules::dns_subdomain);
    let storage_class_default = reader.text(&variables::CLASS_PERF, rules::dns_subdomain);
    let storage_class_archive = reader.text(&variables::CLASS_ARCHIVE, rules::dns_subdomain);
    let storage_size_default = reader.size(&variables::SIZE);
    let storage_size_archive = reader.size(&variables::SIZE_ARCHIVE);
    let retention = reader.retention(&variables::RETAIN);
    let resources_default = reader.requests(&variables::CPU, &variables::MEMORY);
    let resources_archive = reader.requests(&variables::CPU_ARCHIVE, &variables::MEMORY_ARCHIVE);
    let snapshot_bucket = reader.bucket(&variables::SNAPSHOT_BUCKET, &variables::SNAPSHOT_REGION);
    let genesis_bucket = reader.bucket(&variables::GENESIS_BUCKET, &variables::GENESIS_REGION);
    let result_export =
        reader.result_export(&variables::EXPORT_BUCKET, &variables::EXPORT_REGION, &variables::EXPORT_PREFIX);
    Some(Platform {
        nodepool_default: nodepool_default?,
        nodepool_archive: nodepool_archive?,
        toleration_key: toleration_key?,
        service_account: service_account?,
        storage_class_default: storage_class_default?,
        storage_class_archive: storage_class_archive?,
        storage_size_default: storage_size_default?,
        storage_size_archive: storage_size_archive?,
        retention: retention?,
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
    fn text(&mut self, variable: &Variable, rule: fn(&str) -> Validated) -> Option<String> {
        let validated = self.value(variable).and_then(|value| match rule(&value) {
            Ok(()) => Ok(value),
            Err(reason) => Err(variable.problem(format!("is {value:?}, which {reason}"))),
        });
        self.findings.take(validated)
    }

    fn quantity(&mut self, variable: &Variable) -> Option<Quantity> {
        let validated = self
            .value(variable)
            .and_then(|value| value.parse().map_err(|why| variable.problem(format!("is wrong: {why}"))));
        self.findings.take(validated)
    }

    /// A volume of no size is refused by the API server, later and less clearly.
    fn size(&mut self, variable: &Variable) -> Option<Quantity> {
        let size = self.quantity(variable)?;
        let validated = match size.milli() {
            0 => Err(variable.problem("is zero")),
            _ => Ok(size),
        };
        self.findings.take(validated)
    }

    /// An operator that was set up before this variable existed keeps its environment: the default holds.
    fn retention(&mut self, variable: &Variable) -> Option<RetentionPolicy> {
        if !self.environment.contains_key(variable.name) {
            return Some(RetentionPolicy::default());
        }
        let validated = self
            .value(variable)
            .and_then(|value| value.parse().map_err(|why| variable.problem(format!("is wrong: {why}"))));
        self.findings.take(validated)
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
