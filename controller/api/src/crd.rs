//! The CustomResourceDefinition of SeiNode, as the API server gets it.
//!
//! What `kube` derives is mended here where it would lock people out of objects that exist, or store what
//! nobody wrote. Rules and limits are not made here: they stand beside the fields.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::{SeiNode, names};

#[cfg(test)]
mod tests;

/// The SeiNode CRD.
#[must_use]
pub fn seinode() -> CustomResourceDefinition {
    let mut crd = SeiNode::crd();
    for version in &mut crd.spec.versions {
        if let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            // A rule of ours says that `spec` is missing. A requirement of the schema would hold also for
            // objects that the original CRD let in without one, and nobody could touch these any more.
            root.required = None;
            mend(root);
        }
    }
    let hash = serde_json::to_vec(&crd.spec).map(|spec| fingerprint(&spec)).unwrap_or_default();
    crd.metadata.annotations = Some(BTreeMap::from([(names::SCHEMA_HASH_ANNOTATION.to_owned(), hash)]));
    crd.metadata.labels = Some(BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), "seinode-operator".to_owned()),
        ("app.kubernetes.io/component".to_owned(), "crd".to_owned()),
    ]));
    crd
}

/// The SeiNode CRD as YAML; the same text for the same schema.
///
/// # Errors
/// Never, unless the definition cannot be written as YAML: a defect of ours.
pub fn yaml() -> Result<String, serde_norway::Error> {
    serde_norway::to_string(&seinode())
}

/// Goes through a schema and takes out what is right for Rust and wrong for the API server.
fn mend(schema: &mut JSONSchemaProps) {
    // An `Option` accepts null when it is read. The API server is to drop nulls, as under the original CRD,
    // not to store them.
    schema.nullable = None;
    // What serde assumes for a missing member is for reading. The API server is not to write it into objects.
    schema.default = schema.default.take().filter(|default| !is_empty(&default.0));
    // Lines of a doc comment are wrapped for the editor; kubectl wraps for the terminal.
    schema.description = schema.description.take().map(|text| unwrapped(&text));
    schema.title = None;
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        mend(property);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        mend(values);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => mend(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(mend),
        None => {}
    }
}

fn is_empty(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The text with the lines of each paragraph joined.
fn unwrapped(text: &str) -> String {
    let paragraphs =
        text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// FNV-1a, 64 bits: it tells one schema from another and protects nothing.
fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
