//! The one Secret. It is created once and replaced only at the version that was read: of two replicas that write at the
//! same time one wins, and the other reads what the first wrote. Losing is success.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client, api::PostParams};

use crate::{
    error::{Error, code},
    rotation::Content,
    stored::Stored,
};

/// The label that tells people who made the Secret.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Namespace and name of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretName {
    /// Its namespace: the operator's own.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Reads and writes the Secret.
pub(crate) struct Store {
    api: Api<Secret>,
    secret: SecretName,
}

/// The Secret that was read, without its content: a write names the revision it replaces.
#[derive(Default)]
pub(crate) struct Revision(Option<Box<Secret>>);

/// Outcome of a write.
pub(crate) enum Written {
    /// The Secret is stored at this revision.
    Won(Revision),
    /// Somebody else was first. What they wrote has to be read.
    Lost,
}

impl Store {
    pub(crate) fn new(client: Client, secret: SecretName) -> Self {
        Self { api: Api::namespaced(client, &secret.namespace), secret }
    }

    /// Reads the Secret from the API server itself.
    pub(crate) async fn read(&self) -> Result<(Content, Revision), Error> {
        let found = self.api.get_opt(&self.secret.name).await;
        let Some(mut secret) = found.map_err(|error| self.error(&error, "get"))? else {
            return Ok((Content::Absent, Revision::default()));
        };
        let data = secret.data.take().unwrap_or_default();
        let data: BTreeMap<_, _> = data.into_iter().map(|(key, bytes)| (key, bytes.0)).collect();
        let content = Stored::read(&data).map_or_else(Content::Corrupt, Content::Sound);
        Ok((content, Revision(Some(Box::new(secret)))))
    }

    /// Writes it, if it is still what was read.
    pub(crate) async fn write(&self, stored: &Stored, revision: &Revision) -> Result<Written, Error> {
        let mut secret = revision.0.as_deref().cloned().unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.name.clone()),
                namespace: Some(self.secret.namespace.clone()),
                labels: Some([(MANAGED_BY.to_owned(), "seinode-operator".to_owned())].into()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".into()),
            ..Secret::default()
        });
        let content = stored.content().into_iter().map(|(key, bytes)| (key, ByteString(bytes)));
        secret.data = Some(content.collect());
        let (verb, written) = match &revision.0 {
            None => ("create", self.api.create(&PostParams::default(), &secret).await),
            Some(_) => ("update", self.api.replace(&self.secret.name, &PostParams::default(), &secret).await),
        };
        match written {
            Ok(mut secret) => {
                secret.data = None;
                Ok(Written::Won(Revision(Some(Box::new(secret)))))
            }
            // Created, changed or, if it is not the namespace that is gone, deleted meanwhile.
            Err(error) if code(&error) == Some(409) => Ok(Written::Lost),
            Err(error) if code(&error) == Some(404) && revision.0.is_some() => Ok(Written::Lost),
            Err(error) => Err(self.error(&error, verb)),
        }
    }

    fn error(&self, error: &kube::Error, verb: &str) -> Error {
        Error::of(error, format!("{verb} Secret {}/{}", self.secret.namespace, self.secret.name))
    }
}
