//! The watches: they say that something changed, and nothing else. What is there now is read from the API server itself,
//! so no decision rests on a watch that lags behind. They fetch metadata only: no key goes through them.

use std::fmt::Debug;

use futures::{Stream, StreamExt, future, stream, stream::BoxStream};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    core::v1::Secret,
};
use kube::{
    Api, Client, Resource,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;

use crate::{
    configuration::{Configuration, Kind},
    store::SecretName,
};

/// A watch is opened anew at least this often, in seconds: some load balancers cut idle connections at 240 s.
const WATCH_SECONDS: u32 = 180;

/// Yields when one of the objects changed, came or went, and after every gap in a watch.
pub(crate) fn changes(
    client: &Client,
    secret: Option<&SecretName>,
    configurations: &[Configuration],
) -> BoxStream<'static, ()> {
    let secret = secret.map(|secret| {
        let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(client.clone(), &secret.namespace);
        one(api, &secret.name, format!("Secret {}/{}", secret.namespace, secret.name)).boxed()
    });
    let configurations = configurations.iter().map(|configuration| {
        let (name, what) = (&configuration.name, configuration.to_string());
        match configuration.kind {
            Kind::Mutating => {
                let api = Api::<PartialObjectMeta<MutatingWebhookConfiguration>>::all(client.clone());
                one(api, name, what).boxed()
            }
            Kind::Validating => {
                let api = Api::<PartialObjectMeta<ValidatingWebhookConfiguration>>::all(client.clone());
                one(api, name, what).boxed()
            }
        }
    });
    stream::select_all(secret.into_iter().chain(configurations)).boxed()
}

fn one<K>(api: Api<K>, name: &str, what: String) -> impl Stream<Item = ()> + Send + use<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}")).timeout(WATCH_SECONDS);
    watcher(api, config).default_backoff().filter_map(move |event| {
        future::ready(match event {
            // The list has begun; what is in it comes next.
            Ok(watcher::Event::Init) => None,
            Ok(_) => Some(()),
            Err(error) => {
                tracing::warn!("the watch of {what} is interrupted: {}", words(&error));
                None
            }
        })
    })
}

/// Without the objects that kube's own words quote.
fn words(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => match error {
            kube::Error::Api(status) => status.message.clone(),
            _ => "the API server cannot be reached".into(),
        },
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => "the API server sent no resourceVersion".into(),
    }
}
