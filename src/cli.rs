//! The command line: what can be typed, and the help that explains it.
//!
//! Values stay text here. `config` judges them, so that all wrong ones are reported together, beside wrong variables.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::variables;

const LONG_ABOUT: &str = "\
Runs Sei blockchain nodes on Kubernetes.

You describe a node as a SeiNode object. The operator creates its StatefulSet, Service and data volume, brings the node \
up through its sidecar, keeps it as described, and says in the object's status what it does and why.

Install the resource definitions first, then run the operator in the cluster or against your KUBECONFIG:

  seinode-operator crds | kubectl apply --server-side -f -
  seinode-operator run";

/// Kubernetes operator that runs Sei blockchain nodes.
#[derive(Debug, Parser)]
#[command(name = "seinode-operator", version, long_about = LONG_ABOUT)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT.
    ///
    /// The API server is the one of KUBECONFIG when that is set, else the cluster this pod runs in, else the one of
    /// ~/.kube/config. It may be unreachable at start: the operator keeps trying, and /readyz?verbose says so.
    #[command(after_long_help = variables::help())]
    Run(Box<RunArgs>),

    /// Print the CustomResourceDefinitions as YAML.
    ///
    /// Install or upgrade them with: seinode-operator crds | kubectl apply --server-side -f -
    Crds,

    /// Ask the cluster whether an installed release does what it should: what `helm test` runs. Nothing is changed.
    #[command(hide = true)]
    Selftest(SelftestArgs),
}

/// What `selftest` is told by the chart.
#[derive(Debug, Clone, Args)]
pub struct SelftestArgs {
    /// The namespace that dry runs name [default: that of the credentials].
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// What the release guards nodes with.
    #[arg(long, value_name = "GUARD", value_delimiter = ',')]
    pub guards: Vec<Guard>,

    /// Host and port of /metrics; each address of the host is a replica.
    #[arg(long, value_name = "HOST:PORT")]
    pub metrics: String,

    /// For how many seconds a check that fails is tried again.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub within: u64,
}

/// What keeps wrong SeiNodes and StatefulSets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guard {
    /// The operator's webhooks.
    Webhooks,
    /// The ValidatingAdmissionPolicies.
    Policy,
}

/// The flags of `run`, unjudged. Each is also an environment variable; the flag wins.
#[derive(Debug, Clone, Args)]
#[command(next_line_help = true)]
pub struct RunArgs {
    /// Address of /metrics: `ip:port`, `[ipv6]:port`, `:port` for all addresses, or 0 for none.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8080")]
    #[arg(env = "SEINODE_METRICS_BIND_ADDRESS", hide_env_values = true)]
    pub metrics_bind_address: String,

    /// Serve /metrics through TLS, with the certificate of the webhooks, and only to bearer tokens that may get the path
    /// /metrics: the operator creates a TokenReview and a SubjectAccessReview, and remembers the answer for a minute.
    #[arg(long, value_name = "BOOL", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(env = "SEINODE_METRICS_SECURE", hide_env_values = true)]
    pub metrics_secure: String,

    /// Address of /livez and /readyz, written as above.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8081")]
    #[arg(env = "SEINODE_HEALTH_PROBE_BIND_ADDRESS", hide_env_values = true)]
    pub health_probe_bind_address: String,

    /// Everything about admission webhooks.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// Elect one leader among several replicas; only the leader works on nodes [default: true in a pod, else false].
    #[arg(long, value_name = "BOOL")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(env = "SEINODE_LEADER_ELECT", hide_env_values = true)]
    pub leader_elect: Option<String>,

    /// The namespace of the Lease bc1f5b0a.sei.io, by which replicas keep each other and the original operator out
    /// [default: the operator's own].
    #[arg(long, value_name = "NAMESPACE", default_value = "", hide_default_value = true)]
    #[arg(env = "SEINODE_LEADER_ELECTION_NAMESPACE", hide_env_values = true)]
    pub leader_election_namespace: String,

    /// Base URL of a node's sidecar; {podIP}, {name}, {namespace} and {port} are filled in for each node.
    #[arg(long, value_name = "URL", default_value = seinode_controller::SidecarUrl::DEFAULT)]
    #[arg(env = "SEINODE_SIDECAR_URL_TEMPLATE", hide_env_values = true)]
    pub sidecar_url_template: String,

    /// Serve only this namespace; repeat the flag or separate by commas for more [default: all namespaces].
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    #[arg(env = "SEINODE_WATCH_NAMESPACE", hide_env_values = true)]
    pub watch_namespace: Vec<String>,

    /// How log lines are written to standard error: `text` or `json`. RUST_LOG chooses what is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    #[arg(env = "SEINODE_LOG_FORMAT", hide_env_values = true)]
    pub log_format: String,

    /// How many nodes are worked on at once.
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    #[arg(env = "SEINODE_MAX_CONCURRENT_RECONCILES", hide_env_values = true)]
    pub max_concurrent_reconciles: String,

    /// How many running nodes may be rolled out at once; the others wait. 0 for no limit.
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    #[arg(env = "SEINODE_MAX_CONCURRENT_ROLLOUTS", hide_env_values = true)]
    pub max_concurrent_rollouts: String,

    /// How often the sidecar of a running node is asked whether its gate is open, in seconds, such as `5s`.
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    #[arg(env = "SEINODE_SIDECAR_PROBE_INTERVAL", hide_env_values = true)]
    pub sidecar_probe_interval: String,
}

/// The flags of admission webhooks, unjudged. Every replica serves them, whoever leads.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    /// Address of the admission webhooks, in HTTPS; written as above.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:10250")]
    #[arg(env = "SEINODE_WEBHOOK_BIND_ADDRESS", hide_env_values = true)]
    pub webhook_bind_address: String,

    /// Do not serve webhooks. Without their configurations in the cluster the operator would never be ready.
    #[arg(long, value_name = "BOOL", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(env = "SEINODE_DISABLE_WEBHOOKS", hide_env_values = true)]
    pub disable_webhooks: String,

    /// The names and IP addresses that API servers call the webhooks by; repeat the flag or separate by commas for more
    /// [default: seinode-operator-webhook.NAMESPACE.svc, in the operator's own namespace].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[arg(env = "SEINODE_WEBHOOK_NAMES", hide_env_values = true)]
    pub webhook_names: Vec<String>,

    /// The Secret, in the operator's own namespace, that keeps the authority of the webhooks' certificate. The operator
    /// makes and renews it.
    #[arg(long, value_name = "NAME", default_value = "seinode-operator-webhook-authority")]
    #[arg(env = "SEINODE_WEBHOOK_CERTIFICATE_SECRET", hide_env_values = true)]
    pub webhook_certificate_secret: String,

    /// A directory with tls.crt and tls.key, which somebody else renews: then there is no authority of our own.
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    #[arg(env = "SEINODE_WEBHOOK_CERTIFICATE_DIRECTORY", hide_env_values = true)]
    pub webhook_certificate_directory: String,

    /// The authorities of that certificate, in PEM, to be put into the configurations. Without it somebody else does
    /// that, such as cert-manager's cainjector.
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    #[arg(env = "SEINODE_WEBHOOK_CA_BUNDLE", hide_env_values = true)]
    pub webhook_ca_bundle: String,

    /// The MutatingWebhookConfiguration whose caBundle is looked after.
    #[arg(long, value_name = "NAME", default_value = "seinode-operator")]
    #[arg(env = "SEINODE_MUTATING_WEBHOOK_CONFIGURATION", hide_env_values = true)]
    pub mutating_webhook_configuration: String,

    /// The ValidatingWebhookConfiguration whose caBundle is looked after.
    #[arg(long, value_name = "NAME", default_value = "seinode-operator")]
    #[arg(env = "SEINODE_VALIDATING_WEBHOOK_CONFIGURATION", hide_env_values = true)]
    pub validating_webhook_configuration: String,
}

#[cfg(test)]
mod tests;
