//! The one Secret. It is created once and replaced only at the version that was read: of two replicas that write at the
//! same time one wins, and the other reads what the first wrote. Losing is success.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client, api::PostParams};

use crate::{
    rotation::Content,
    stored::Stored,
    trouble::{Trouble, code},
};

/// The label that tells people who made the Secret.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Where the Secret is.
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

/// The Secret that was read, without its content: a write says which one it means.
#[derive(Default)]
pub(crate) struct Seat(Option<Box<Secret>>);

/// What became of a write.
pub(crate) enum Written {
    /// It stands, here.
    Won(Seat),
    /// Somebody else was first. What they wrote has to be read.
    Lost,
}

impl Store {
    pub(crate) fn new(client: Client, secret: SecretName) -> Self {
        Self { api: Api::namespaced(client, &secret.namespace), secret }
    }

    /// Reads the Secret from the API server itself.
    pub(crate) async fn read(&self) -> Result<(Content, Seat), Trouble> {
        let found = self.api.get_opt(&self.secret.name).await;
        let Some(mut secret) = found.map_err(|error| self.trouble(&error, "get"))? else {
            return Ok((Content::Absent, Seat::default()));
        };
        let data = secret.data.take().unwrap_or_default();
        let data: BTreeMap<_, _> = data.into_iter().map(|(key, bytes)| (key, bytes.0)).collect();
        let content = Stored::read(&data).map_or_else(Content::Corrupt, Content::Sound);
        Ok((content, Seat(Some(Box::new(secret)))))
    }

    /// Writes it, if it is still what was read.
    pub(crate) async fn write(&self, stored: &Stored, seat: &Seat) -> Result<Written, Trouble> {
        let mut secret = seat.0.as_deref().cloned().unwrap_or_else(|| Secret {
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
        let (verb, written) = match &seat.0 {
            None => ("create", self.api.create(&PostParams::default(), &secret).await),
            Some(_) => ("update", self.api.replace(&self.secret.name, &PostParams::default(), &secret).await),
        };
        match written {
            Ok(mut secret) => {
                secret.data = None;
                Ok(Written::Won(Seat(Some(Box::new(secret)))))
            }
            // Created, changed or, if it is not the namespace that is gone, deleted meanwhile.
            Err(error) if code(&error) == Some(409) => Ok(Written::Lost),
            Err(error) if code(&error) == Some(404) && seat.0.is_some() => Ok(Written::Lost),
            Err(error) => Err(self.trouble(&error, verb)),
        }
    }

    fn trouble(&self, error: &kube::Error, verb: &str) -> Trouble {
        Trouble::of(error, format!("{verb} Secret {}/{}", self.secret.namespace, self.secret.name))
    }
}
