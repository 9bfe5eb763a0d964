//! Comparison of the installed CRD with what this operator writes. Pure; it never asks anybody to install anything.
//!
//! A CRD that is older drops fields without a word. One that is newer has them all, so a field that is missing tells the two
//! apart; the schema hash only says that they differ.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};
use seinode_api::{crd, names};

/// Comparison of the installed CRD with ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// It is ours.
    Same,
    /// It has all our fields, and differs: another rule, another description, or it is newer.
    Differs,
    /// It lacks these fields, or versions: it is older than this operator.
    Lacks(Vec<String>),
}

/// The `sei.io/schema-hash` of a CRD, or of its metadata.
#[must_use]
pub fn hash(annotations: Option<&BTreeMap<String, String>>) -> Option<&str> {
    annotations?.get(names::SCHEMA_HASH_ANNOTATION).map(String::as_str)
}

/// Compares the installed CRD with ours.
#[must_use]
pub fn compare(installed: &CustomResourceDefinition) -> Definition {
    let ours = crd::seinode();
    let [mine, theirs] = [&ours, installed].map(|crd| hash(crd.metadata.annotations.as_ref()));
    if mine == theirs {
        return Definition::Same;
    }
    let mut lacks = Vec::new();
    for version in &ours.spec.versions {
        let there = installed.spec.versions.iter().find(|there| there.name == version.name);
        match (schema(version), there.map(schema)) {
            (Some(ours), Some(Some(theirs))) => compare_schemas(ours, theirs, "", &mut lacks),
            // A version without a schema drops nothing.
            (_, Some(_)) => {}
            (_, None) => lacks.push(format!("version {}", version.name)),
        }
    }
    if lacks.is_empty() { Definition::Differs } else { Definition::Lacks(lacks) }
}

fn schema(version: &CustomResourceDefinitionVersion) -> Option<&JSONSchemaProps> {
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

/// Notes every field of ours that is missing there. What is missing as a whole is named once.
fn compare_schemas(ours: &JSONSchemaProps, theirs: &JSONSchemaProps, path: &str, lacks: &mut Vec<String>) {
    if theirs.x_kubernetes_preserve_unknown_fields == Some(true) {
        return;
    }
    let there = |name: &String| theirs.properties.as_ref().and_then(|properties| properties.get(name));
    for (name, field) in ours.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        match there(name) {
            Some(there) => compare_schemas(field, there, &path, lacks),
            None => lacks.push(path),
        }
    }
    if let (Some(JSONSchemaPropsOrBool::Schema(ours)), Some(JSONSchemaPropsOrBool::Schema(theirs))) =
        (&ours.additional_properties, &theirs.additional_properties)
    {
        compare_schemas(ours, theirs, path, lacks);
    }
    if let (Some(JSONSchemaPropsOrArray::Schema(ours)), Some(JSONSchemaPropsOrArray::Schema(theirs))) =
        (&ours.items, &theirs.items)
    {
        compare_schemas(ours, theirs, &format!("{path}[]"), lacks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ours, as another build would have made it.
    fn other(change: impl FnOnce(&mut JSONSchemaProps)) -> CustomResourceDefinition {
        let mut crd = crd::seinode();
        let annotations = crd.metadata.annotations.as_mut().unwrap();
        annotations.insert(names::SCHEMA_HASH_ANNOTATION.to_owned(), "another".to_owned());
        let schema = crd.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        change(schema);
        crd
    }

    fn field<'a>(schema: &'a mut JSONSchemaProps, name: &str) -> &'a mut JSONSchemaProps {
        schema.properties.as_mut().unwrap().get_mut(name).unwrap()
    }

    fn remove(schema: &mut JSONSchemaProps, name: &str) {
        schema.properties.as_mut().unwrap().remove(name).unwrap();
    }

    #[test]
    fn ours_is_the_same_and_a_newer_one_only_differs() {
        assert_eq!(compare(&crd::seinode()), Definition::Same);
        let newer = other(|schema| {
            let fields = field(schema, "spec").properties.as_mut().unwrap();
            fields.insert("inventedLater".to_owned(), JSONSchemaProps::default());
        });
        assert_eq!(compare(&newer), Definition::Differs);
    }

    #[test]
    fn an_older_one_lacks_fields_and_they_are_named() {
        let older = other(|schema| {
            remove(field(schema, "status"), "claims");
            let conditions = field(field(schema, "status"), "conditions");
            let Some(JSONSchemaPropsOrArray::Schema(item)) = &mut conditions.items else {
                unreachable!("a list")
            };
            remove(item, "observedGeneration");
        });
        let lacks = [".status.claims", ".status.conditions[].observedGeneration"].map(str::to_owned);
        assert_eq!(compare(&older), Definition::Lacks(lacks.to_vec()));
        let mut earlier = other(|_| {});
        earlier.spec.versions[0].name = "v1alpha0".to_owned();
        assert_eq!(compare(&earlier), Definition::Lacks(vec!["version v1alpha1".to_owned()]));
    }

    #[test]
    fn what_keeps_everything_lacks_nothing() {
        let lax = other(|schema| {
            *schema = JSONSchemaProps {
                x_kubernetes_preserve_unknown_fields: Some(true),
                ..JSONSchemaProps::default()
            };
        });
        assert_eq!(compare(&lax), Definition::Differs);
    }
}
