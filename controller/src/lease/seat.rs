//! Reads and writes the Lease itself. Every write names the version that it replaces.

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};

use super::record::{Found, Version, Write, Written};
use crate::api_error;

/// One Lease.
pub(crate) struct Seat {
    api: Api<Lease>,
    name: String,
}

impl Seat {
    pub(crate) fn new(client: Client, namespace: &str, name: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name }
    }

    /// The Lease as it is; `None` when there is none.
    ///
    /// # Errors
    /// What the API server said.
    pub(crate) async fn read(&self) -> Result<Option<Found>, String> {
        let found = self.api.get_opt(&self.name).await;
        Ok(found.map_err(|error| self.words("get", &error))?.as_ref().map(Found::of))
    }

    /// Writes it, if it is still the version that the write replaces.
    ///
    /// # Errors
    /// What the API server said; the write may have been carried out all the same.
    pub(crate) async fn write(&self, write: &Write) -> Result<Written, String> {
        let body = write.body(&self.name);
        let (verb, stored) = match write.over {
            Some(_) => {
                let patch = Patch::Merge(&body);
                ("patch", self.api.patch(&self.name, &PatchParams::default(), &patch).await)
            }
            None => {
                let lease = serde_json::from_value(body).map_err(|error| error.to_string())?;
                ("create", self.api.create(&PostParams::default(), &lease).await)
            }
        };
        match stored {
            Ok(lease) => Ok(Written::Stored(Version(lease.metadata.resource_version.unwrap_or_default()))),
            // Somebody wrote it or made it meanwhile,
            Err(error) if api_error::is_conflict(&error) => Ok(Written::Overtaken),
            // or deleted it. Where it was to be made it is the namespace that is missing.
            Err(error) if api_error::is_missing(&error) && write.over.is_some() => Ok(Written::Overtaken),
            Err(error) => Err(self.words(verb, &error)),
        }
    }

    fn words(&self, verb: &str, error: &kube::Error) -> String {
        api_error::read(error, &format!("{verb} Lease {}", self.name)).message
    }
}
