//! Puts the bundle into the webhook configurations, by a JSON patch that is guarded by the version and the names that
//! were read. Every replica does, without a leader: all of them read the same Secret, so all of them write the same.
//!
//! It never makes a configuration, and owns no other field of one: the entries stay their makers' to take out.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::DynamicObject,
};

use crate::{
    configuration::{Configuration, FIELD_MANAGER, Live},
    error::{Error, code},
    rate_limit::RateLimit,
};

/// Writes of one configuration allowed within [`WINDOW`].
const WRITES: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// The configurations that are looked after.
pub(crate) struct Injector {
    client: Client,
    configurations: Vec<Configuration>,
    rate_limit: RateLimit<Configuration>,
}

/// Outcome of an injection.
pub(crate) enum Injected {
    /// The configuration as it is now.
    Done(Live),
    /// Somebody else wrote it meanwhile, or deleted it. It has to be read again.
    Overtaken,
}

impl Injector {
    pub(crate) fn new(client: Client, configurations: Vec<Configuration>) -> Self {
        Self { client, configurations, rate_limit: RateLimit::new(WRITES, WINDOW) }
    }

    /// Reads all configurations from the API server itself.
    pub(crate) async fn look(&self) -> Result<Vec<Live>, Error> {
        let look = async |configuration: &Configuration| {
            let object = self.api(configuration).get_opt(&configuration.name).await;
            let object = object.map_err(|error| Error::of(&error, format!("get {configuration}")))?;
            Ok(Live::of(configuration.clone(), object.as_ref()))
        };
        try_join_all(self.configurations.iter().map(look)).await
    }

    /// Gives a configuration a bundle, if it is still the one that was read.
    pub(crate) async fn inject(&mut self, live: &Live, bundle: &str) -> Result<Injected, Error> {
        let configuration = &live.configuration;
        let Some(patch) = live.patch(bundle) else { return Ok(Injected::Overtaken) };
        if !self.rate_limit.admit(configuration, Instant::now()) {
            return Err(Error::Contested(configuration.clone()));
        }
        let Ok(patch) = serde_json::from_value(patch) else { return Ok(Injected::Overtaken) };
        let parameters =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.api(configuration);
        match api.patch(&configuration.name, &parameters, &Patch::Json::<()>(patch)).await {
            Ok(object) => {
                tracing::info!(%configuration, "the bundle of authorities was put in");
                Ok(Injected::Done(Live::of(configuration.clone(), Some(&object))))
            }
            Err(error) if matches!(code(&error), Some(404 | 409)) || is_failed_test(&error) => {
                Ok(Injected::Overtaken)
            }
            Err(error) => Err(Error::of(&error, format!("patch {configuration}"))),
        }
    }

    fn api(&self, configuration: &Configuration) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &configuration.kind.resource())
    }
}

/// Reports whether a `test` of the patch failed. The API server answers 422 and no causes then; an object that breaks
/// its rules has causes.
fn is_failed_test(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) if code(error) == Some(422) => {
            status.details.as_ref().is_none_or(|details| details.causes.is_empty())
        }
        _ => false,
    }
}
