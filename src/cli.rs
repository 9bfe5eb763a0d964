//! The command line: what can be typed, and the help that explains it.
//!
//! Values stay text here. `settings` validates them, so that all wrong ones are reported together, with wrong variables.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::variables;

const LONG_ABOUT: &str = "\
Runs Sei blockchain nodes on Kubernetes.

You describe a node as a SeiNode object. The operator creates its StatefulSet, Service and data volume, brings the node \
up through its sidecar, keeps it as described, and reports in the object's status what it does and why.

Install the resource definitions first, then run the operator in the cluster or against your KUBECONFIG:

  seinode-operator crds | kubectl apply --server-side -f -
  seinode-operator run";

/// Kubernetes operator that runs Sei blockchain nodes.
#[derive(Debug, Parser)]
#[command(name = "seinode-operator", version, long_about = LONG_ABOUT)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT.
    ///
    /// The API server is the one of KUBECONFIG when that is set, else the cluster this pod runs in, else the one of
    /// ~/.kube/config. It may be unreachable at start: the operator keeps trying, and /readyz?verbose reports it.
    #[command(after_long_help = variables::help())]
    Run(Box<RunArgs>),

    /// Print the CustomResourceDefinitions as YAML.
    ///
    /// Install or upgrade them with: seinode-operator crds | kubectl apply --server-side -f -
    Crds,

    /// Test an installed release by dry runs and scrapes, for `helm test`. Nothing is changed.
    #[command(hide = true)]
    Selftest(SelftestArgs),
}

/// Arguments of `selftest`, from the chart.
#[derive(Debug, Clone, Args)]
pub struct SelftestArgs {
    /// The namespace that dry runs name [default: that of the credentials].
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// Guards that the release installs.
    #[arg(long, value_name = "GUARD", value_delimiter = ',')]
    pub guards: Vec<Guard>,

    /// Host and port of /metrics; each address of the host is a replica.
    #[arg(long, value_name = "HOST:PORT")]
    pub metrics: String,

    /// Authorities of the certificate of secure metrics, in PEM; without them the metrics are plain HTTP.
    #[arg(long, value_name = "FILE", requires = "metrics_name")]
    pub metrics_ca: Option<PathBuf>,

    /// Name on the certificate of secure metrics.
    #[arg(long, value_name = "NAME", requires = "metrics_ca")]
    pub metrics_name: Option<String>,

    /// Bearer token for secure metrics.
    #[arg(long, value_name = "FILE", default_value = "/var/run/secrets/kubernetes.io/serviceaccount/token")]
    pub metrics_token: PathBuf,

    /// Seconds for which a failing check is retried.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(..=3600))]
    pub within: u64,
}

/// Guard against wrong SeiNodes and StatefulSets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guard {
    /// The operator's webhooks.
    Webhooks,
    /// The ValidatingAdmissionPolicies.
    Policy,
}

/// The flags of `run`, unvalidated. Each is also an environment variable; the flag wins.
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

    /// Address of /livez and /readyz, in the same format.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8081")]
    #[arg(env = "SEINODE_HEALTH_PROBE_BIND_ADDRESS", hide_env_values = true)]
    pub health_probe_bind_address: String,

    /// Flags of admission webhooks.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// Elect one leader among several replicas; only the leader works on nodes [default: true in a pod, else false].
    #[arg(long, value_name = "BOOL")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(env = "SEINODE_LEADER_ELECT", hide_env_values = true)]
    pub leader_elect: Option<String>,

    /// Namespace of the Lease bc1f5b0a.sei.io, by which replicas and the original operator exclude each other
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

    /// Format of the log lines on standard error: `text` or `json`. RUST_LOG filters them.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    #[arg(env = "SEINODE_LOG_FORMAT", hide_env_values = true)]
    pub log_format: String,

    /// Number of nodes that are reconciled at once.
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    #[arg(env = "SEINODE_MAX_CONCURRENT_RECONCILES", hide_env_values = true)]
    pub max_concurrent_reconciles: String,

    /// Number of running nodes that may be rolled out at once; the others wait. 0 for no limit.
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    #[arg(env = "SEINODE_MAX_CONCURRENT_ROLLOUTS", hide_env_values = true)]
    pub max_concurrent_rollouts: String,

    /// Nodes of one chain and mode that may be down at once because of rollouts, as a percentage or a number; at least 1.
    /// Counted are nodes that were up once. 100% for no limit.
    #[arg(long, value_name = "SHARE", default_value = "25%")]
    #[arg(env = "SEINODE_MAX_UNAVAILABLE_PER_CHAIN", hide_env_values = true)]
    pub max_unavailable_per_chain: String,

    /// Time that `seid` has to be up behind an open gate before a rollout is over, where its pod is not Ready before, such
    /// as `30s`. The start script looks at the gate every 5 s.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    #[arg(env = "SEINODE_ROLLOUT_SETTLE", hide_env_values = true)]
    pub rollout_settle: String,

    /// Interval of probing a running node's sidecar for its gate, in seconds, such as `5s`.
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    #[arg(env = "SEINODE_SIDECAR_PROBE_INTERVAL", hide_env_values = true)]
    pub sidecar_probe_interval: String,
}

/// The flags of admission webhooks, unvalidated. Every replica serves them, whoever leads.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    /// Address of the admission webhooks, through HTTPS, in the same format.
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:10250")]
    #[arg(env = "SEINODE_WEBHOOK_BIND_ADDRESS", hide_env_values = true)]
    pub webhook_bind_address: String,

    /// Serve no webhooks. If their configurations are not in the cluster, the operator is never ready without this flag.
    #[arg(long, value_name = "BOOL", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(env = "SEINODE_DISABLE_WEBHOOKS", hide_env_values = true)]
    pub disable_webhooks: String,

    /// Names and IP addresses by which API servers call the webhooks; repeat the flag or separate by commas for more
    /// [default: seinode-operator-webhook.NAMESPACE.svc, in the operator's own namespace].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[arg(env = "SEINODE_WEBHOOK_NAMES", hide_env_values = true)]
    pub webhook_names: Vec<String>,

    /// Secret in the operator's own namespace with the authority of the webhooks' certificate. The operator creates and
    /// renews it.
    #[arg(long, value_name = "NAME", default_value = "seinode-operator-webhook-authority")]
    #[arg(env = "SEINODE_WEBHOOK_CERTIFICATE_SECRET", hide_env_values = true)]
    pub webhook_certificate_secret: String,

    /// Directory with tls.crt and tls.key that somebody else renews; then the operator has no authority of its own.
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    #[arg(env = "SEINODE_WEBHOOK_CERTIFICATE_DIRECTORY", hide_env_values = true)]
    pub webhook_certificate_directory: String,

    /// Authorities of that certificate, in PEM, for the caBundle of the webhook configurations. Without it somebody else
    /// writes that, such as cert-manager's cainjector.
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    #[arg(env = "SEINODE_WEBHOOK_CA_BUNDLE", hide_env_values = true)]
    pub webhook_ca_bundle: String,

    /// File with the authority, in PEM, that signs the client certificates of API servers: only clients that present one
    /// may call the webhooks. The file is read again when it changes [default: every client may call].
    #[arg(long, value_name = "FILE", default_value = "", hide_default_value = true)]
    #[arg(env = "SEINODE_WEBHOOK_CLIENT_CA", hide_env_values = true)]
    pub webhook_client_ca: String,

    /// MutatingWebhookConfiguration whose caBundle the operator maintains.
    #[arg(long, value_name = "NAME", default_value = "seinode-operator")]
    #[arg(env = "SEINODE_MUTATING_WEBHOOK_CONFIGURATION", hide_env_values = true)]
    pub mutating_webhook_configuration: String,

    /// ValidatingWebhookConfiguration whose caBundle the operator maintains.
    #[arg(long, value_name = "NAME", default_value = "seinode-operator")]
    #[arg(env = "SEINODE_VALIDATING_WEBHOOK_CONFIGURATION", hide_env_values = true)]
    pub validating_webhook_configuration: String,
}

#[cfg(test)]
mod tests;
