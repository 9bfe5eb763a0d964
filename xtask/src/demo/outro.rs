//! Instructions for a demo that was kept: a kubeconfig, commands to try, logs.

use devcluster::{Cluster, Tool};

use crate::demo::examples::NAMESPACE;
use crate::demo::operator::Operator;

/// The text.
pub(crate) fn text(cluster: &Cluster, operator: Option<&Operator>) -> String {
    let mut lines = vec![
        String::new(),
        "Everything keeps running until Ctrl-C. In another terminal:".to_owned(),
        String::new(),
        format!("  export KUBECONFIG={}", cluster.kubeconfig().display()),
        format!("  alias kubectl={}", cluster.tools().path(Tool::Kubectl).display()),
        String::new(),
    ];
    lines.extend(commands().map(|(command, why)| format!("  {command:<56}# {why}")));
    if let Some(operator) = operator {
        lines.push(String::new());
        let urls = [("health", "/readyz?verbose"), ("metrics", "/metrics")];
        let known = urls
            .iter()
            .filter_map(|(endpoint, path)| Some(format!("  curl '{}{path}'", operator.url(endpoint)?)));
        lines.extend(known);
        lines.push(format!("  less {}", operator.log().display()));
    }
    lines.push(format!("  ls {}", cluster.dir().join("logs").display()));
    lines.join("\n")
}

fn commands() -> impl Iterator<Item = (String, &'static str)> {
    [
        ("kubectl get snode -n NAMESPACE -o wide", "their status"),
        ("kubectl describe snode rpc-0 -n NAMESPACE", "conditions and events of one"),
        ("kubectl get statefulset,service,pvc,pod -n NAMESPACE", "their children"),
        ("kubectl explain seinode.spec.peers", "the documentation of a field"),
        ("kubectl scale sts/rpc-0 --replicas=2 -n NAMESPACE", "a rejected edit, and why"),
        ("kubectl delete snode trace-0 -n NAMESPACE", "its children are deleted with it"),
        ("kubectl apply --server-side -f examples/", "create it again"),
    ]
    .into_iter()
    .map(|(command, why)| (command.replace("NAMESPACE", NAMESPACE), why))
}
