//! Schemas of types that are Kubernetes' own, where those that come with the types say too little.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Pattern of a quantity in Kubernetes; integers are allowed beside it.
const QUANTITY: &str = concat!(
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))",
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
);

/// Resource requirements of a container.
///
/// The derived schema has no pattern for quantities, so `memory: lots` would be stored, and says nothing of the
/// key that claims are merged by.
pub(crate) fn resources(_: &mut SchemaGenerator) -> Schema {
    let quantities = |description| {
        json_schema!({
            "description": description,
            "type": "object",
            "additionalProperties": { "x-kubernetes-int-or-string": true, "pattern": QUANTITY },
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "requests": (quantities("What the container is sure to get, by resource name, as cpu: 250m.")),
            "limits": (quantities("What the container never gets more of, by resource name, as memory: 2Gi.")),
            "claims": {
                "description": "Claims of the pod that the container uses (dynamic resource allocation).",
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": { "description": "Name of the claim in the pod.", "type": "string" },
                        "request": {
                            "description": "Request in the claim. Absent: all of them.",
                            "type": "string",
                        },
                    },
                },
            },
        },
    })
}

/// Conditions of a status, merged by their type.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": { "description": "What it is about, as Ready or SidecarReady.", "type": "string" },
                "status": {
                    "description": "Whether it holds.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": { "description": "Why, in one word for programs.", "type": "string" },
                "message": { "description": "Why, in words for people.", "type": "string" },
                "lastTransitionTime": {
                    "description": "When status last changed.",
                    "type": "string",
                    "format": "date-time",
                },
                "observedGeneration": {
                    "description": "metadata.generation of the object that it speaks of.",
                    "type": "integer",
                    "format": "int64",
                },
            },
        },
    })
}
