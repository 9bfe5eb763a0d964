//! Settings of the certificates.

use std::{path::PathBuf, time::Duration};

use kube::Client;

use crate::{
    clock::Clock, configuration::Configuration, lifetimes::Lifetimes, names::Names, store::SecretName,
};

/// Everything that is set from outside.
#[derive(Clone)]
pub struct Settings {
    /// For watches: it must wait for an answer without limit.
    pub watch_client: Client,
    /// For everything else: it must give up after a while, and must not repeat requests by itself.
    pub client: Client,
    /// Source of the certificate.
    pub origin: Origin,
    /// The names that API servers call this replica by.
    pub names: Names,
    /// The webhook configurations that have to trust the certificate.
    pub configurations: Vec<Configuration>,
    /// Times.
    pub lifetimes: Lifetimes,
    /// The wall clock.
    pub clock: Clock,
}

/// Source of the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From an authority of our own, kept in this Secret. It is made and rotated without anybody's help.
    SelfManaged(SecretName),
    /// From files, which somebody else renews.
    Files(Files),
}

/// A certificate in files: of cert-manager, or provided by whoever installs the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate with its chain, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The authorities to put into the configurations; `None` where somebody else does, as cert-manager's cainjector.
    pub bundle: Option<PathBuf>,
    /// Interval of reading the files. A mounted Secret changes by a swap of symbolic links, which watching the file
    /// itself would miss.
    pub interval: Duration,
}
