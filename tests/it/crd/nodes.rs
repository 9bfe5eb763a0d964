//! SeiNodes as raw objects, under our CRD and under copies of it and of the original's in groups of their own.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Error, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
    core::Status,
    runtime::{conditions, wait::await_condition},
};
use seinode_api::crd;
use serde_json::{Value, json};

use super::table::merged;
use crate::kit::within;

const ORIGINAL: &str = include_str!("legacy-crd.yaml");
const COPIES: &str = "copies";

/// Field and message of a rejection.
pub type Cause = (String, String);

/// The object as the server made it, or why it was refused.
pub type Answer = Result<Value, Vec<Cause>>;

/// SeiNodes of one group in one namespace.
pub struct Nodes {
    client: Client,
    group: String,
    api: Api<DynamicObject>,
}

/// Dry run or not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Run {
    Real,
    Dry,
}

impl Nodes {
    /// The nodes of the shared CRD.
    pub fn shared(client: &Client, namespace: &str) -> Self {
        Self::new(client, namespace, "sei.io", "seinodes")
    }

    /// The nodes of a group whose CRD is yet to be installed. Its resource has another name too, so that `seinodes` stays
    /// unambiguous for kubectl.
    pub fn copies(client: &Client, namespace: &str, group: &str) -> Self {
        Self::new(client, namespace, group, COPIES)
    }

    fn new(client: &Client, namespace: &str, group: &str, plural: &str) -> Self {
        let kind = GroupVersionKind::gvk(group, "v1alpha1", "SeiNode");
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        let api = Api::namespaced_with(client.clone(), namespace, &resource);
        Self { client: client.clone(), group: group.to_owned(), api }
    }

    /// Installs the original CRD in this group.
    pub async fn install_original(&self) {
        self.install("original", serde_norway::from_str(ORIGINAL).unwrap()).await;
    }

    /// Installs our CRD in this group, over what is there.
    pub async fn install_ours(&self) {
        self.install("ours", serde_json::to_value(crd::seinode()).unwrap()).await;
    }

    async fn install(&self, who: &str, mut crd: Value) {
        let name = format!("{COPIES}.{}", self.group);
        crd["metadata"]["name"] = json!(name);
        crd["spec"]["group"] = json!(self.group);
        crd["spec"]["names"] = json!({ "kind": "SeiNode", "plural": COPIES, "singular": "copy" });
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        api.patch(&name, &PatchParams::apply(who).force(), &Patch::Apply(&crd)).await.unwrap();
        let established = await_condition(api, &name, conditions::is_crd_established());
        within("the CRD is established", established).await.unwrap();
    }

    pub async fn create(&self, object: &Value, run: Run) -> Answer {
        let type_ = json!({ "apiVersion": format!("{}/v1alpha1", self.group), "kind": "SeiNode" });
        let object: DynamicObject = serde_json::from_value(merged(object.clone(), &type_)).unwrap();
        let parameters = PostParams { dry_run: run == Run::Dry, ..PostParams::default() };
        answer(self.api.create(&parameters, &object).await)
    }

    pub async fn change(&self, name: &str, patch: &Value, run: Run) -> Answer {
        let parameters = PatchParams { dry_run: run == Run::Dry, ..PatchParams::default() };
        answer(self.api.patch(name, &parameters, &Patch::Merge(patch)).await)
    }

    pub async fn write_status(&self, name: &str, status: Value) -> Answer {
        let patch = Patch::Merge(json!({ "status": status }));
        answer(self.api.patch_status(name, &PatchParams::default(), &patch).await)
    }

    pub async fn get(&self, name: &str) -> Value {
        serde_json::to_value(self.api.get(name).await.unwrap()).unwrap()
    }

    pub async fn delete(&self, name: &str) {
        let deleted = self.api.delete(name, &DeleteParams::default()).await.unwrap();
        if let Some(object) = deleted.left() {
            let uid = object.uid().unwrap();
            let gone = await_condition(self.api.clone(), name, conditions::is_deleted(&uid));
            within("the object is gone", gone).await.unwrap();
        }
    }
}

/// The name that a raw object has.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn answer(result: Result<DynamicObject, Error>) -> Answer {
    match result {
        Ok(object) => Ok(serde_json::to_value(object).unwrap()),
        Err(Error::Api(status)) => Err(causes(*status)),
        Err(other) => panic!("{other}"),
    }
}

fn causes(status: Status) -> Vec<Cause> {
    assert!(status.is_invalid(), "refused for another reason: {}", status.message);
    let causes = status.details.into_iter().flat_map(|details| details.causes);
    causes
        // The server has no name for the field that is the whole object.
        .map(|cause| (if cause.field == "<nil>" { String::new() } else { cause.field }, cause.message))
        // Rules do not run on an object that breaks the schema; the server adds a cause for that.
        .filter(|(_, message)| !message.contains("some validation rules were not checked"))
        .collect()
}
