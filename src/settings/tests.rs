use clap::Parser;
use seinode_core::{memory::Share, platform::ResultExport};

use super::*;
use crate::{
    cli::{Cli, Command},
    variables,
};

fn environment() -> BTreeMap<String, String> {
    variables::VARIABLES
        .iter()
        .map(|variable| (variable.name.to_owned(), variable.example.to_owned()))
        .collect()
}

fn flags(arguments: &[&str]) -> RunArgs {
    let line = ["seinode-operator", "run"].iter().chain(arguments);
    match Cli::try_parse_from(line).unwrap().command {
        Command::Run(flags) => *flags,
        Command::Crds | Command::Selftest(_) => unreachable!("run was asked for"),
    }
}

fn good(arguments: &[&str]) -> Settings {
    Settings::parse(&flags(arguments), &environment()).unwrap()
}

/// The problems, a line each, of these flags and of variables that differ from the good ones.
fn problems(arguments: &[&str], changes: &[(&str, &str)]) -> Vec<String> {
    let mut environment = environment();
    environment.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let Problems(problems) = Settings::parse(&flags(arguments), &environment).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

/// These changes give exactly one problem, and it says all of `parts`.
#[track_caller]
fn check_refused(arguments: &[&str], changes: &[(&str, &str)], parts: &[&str]) {
    let problems = problems(arguments, changes);
    assert_eq!(problems.len(), 1, "{problems:?}");
    for part in parts {
        assert!(problems[0].contains(part), "{part:?} is missing in {:?}", problems[0]);
    }
}

#[test]
fn without_flags_the_defaults_hold() {
    let Settings {
        metrics,
        metrics_access,
        health,
        election,
        admission,
        scope,
        sidecar_url,
        concurrency,
        rollouts,
        probe_interval,
        log_format,
        log_filter,
        instance,
        cluster,
        platform,
    } = good(&[]);
    assert_eq!((metrics, health), (Listen::All(8080), Listen::All(8081)));
    assert_eq!((metrics_access, election), (MetricsAccess::Open, None));
    assert_eq!((scope, concurrency), (Scope::Cluster, 64));
    let settle = jiff::SignedDuration::from_secs(30);
    assert_eq!(rollouts, RolloutPolicy { concurrent: 0, unavailable: Share::Percent(25), settle });
    assert_eq!(admission.unwrap().listen, Listen::All(10250));
    assert_eq!(probe_interval, Duration::from_secs(5));
    assert_eq!(sidecar_url, SidecarUrl::parse("http://{podIP}:{port}").unwrap());
    assert_eq!((log_format, log_filter), (LogFormat::Text, LogFilter::default()));
    assert_eq!((&*instance, cluster), ("seinode-operator", Source::Home));
    assert_eq!(platform.storage_class_default, "gp3-10k-750");
    assert_eq!(platform.storage_size_archive.as_str(), "40Ti");
    assert_eq!(platform.resources_archive.memory.as_str(), "448Gi");
    assert_eq!(
        (&*platform.genesis_bucket.name, &*platform.genesis_bucket.region),
        ("my-sei-genesis", "us-east-2")
    );
    let ResultExport { bucket, prefix } = platform.result_export;
    assert_eq!(
        (&*bucket.name, &*bucket.region, &*prefix),
        ("my-sei-results", "us-east-2", "shadow-results/")
    );
}

#[test]
fn flags_say_something_else() {
    let changed = good(&[
        "--metrics-bind-address=0",
        "--health-probe-bind-address=127.0.0.1:9000",
        "--watch-namespace=b,a",
        "--watch-namespace=b",
        "--log-format=json",
        "--max-concurrent-reconciles=1",
        "--max-concurrent-rollouts=3",
        "--max-unavailable-per-chain=2",
        "--rollout-settle=1500ms",
        "--leader-elect=false",
        "--disable-webhooks",
    ]);
    assert_eq!((changed.metrics, changed.concurrency), (Listen::Off, 1));
    let settle = jiff::SignedDuration::from_millis(1500);
    assert_eq!(changed.rollouts, RolloutPolicy { concurrent: 3, unavailable: Share::Nodes(2), settle });
    assert_eq!(changed.health, Listen::On("127.0.0.1:9000".parse().unwrap()));
    assert_eq!(changed.scope, Scope::Namespaces(vec!["a".into(), "b".into()]));
    assert_eq!(changed.log_format, LogFormat::Json);
    assert_eq!(changed.admission, None);
    assert_eq!(good(&["--watch-namespace="]).scope, Scope::Cluster);
}

#[test]
fn every_missing_variable_is_named_at_once() {
    let Problems(problems) = Settings::parse(&flags(&[]), &BTreeMap::new()).unwrap_err();
    let expected: Vec<_> = variables::VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(expected.len(), 19);
    assert_eq!(problems.iter().map(|problem| &*problem.setting).collect::<Vec<_>>(), expected);
    for problem in &problems {
        assert!(problem.reason == "is not set" && problem.remedy.contains(", such as "), "{problem}");
    }
}

#[test]
fn a_bad_variable_is_reported_with_reason_and_example() {
    for (name, value, reason) in [
        ("SEI_NODEPOOL_NAME", "", "is empty"),
        ("SEI_NODEPOOL_ARCHIVE", "sei/archive", "other than letters"),
        ("SEI_TOLERATION_KEY", "sei.io/", "no name after the slash"),
        ("SEI_SERVICE_ACCOUNT", "Seid", "other than a-z"),
        ("SEI_STORAGE_CLASS_PERF", "gp3 ", "other than a-z"),
        ("SEI_STORAGE_CLASS_ARCHIVE", "-gp3", "begin and end"),
        ("SEI_STORAGE_SIZE_DEFAULT", "2000GB", "suffix is unknown"),
        ("SEI_STORAGE_SIZE_ARCHIVE", "0Ti", "is zero"),
        ("SEI_RESOURCE_CPU_DEFAULT", "four", "does not begin with a number"),
        ("SEI_RESOURCE_MEM_ARCHIVE", "-1Gi", "does not begin with a number"),
        ("SEI_SNAPSHOT_BUCKET", "s3://snapshots", "is a URL"),
        ("SEI_GENESIS_REGION", "us_east_2", "other than a-z"),
        ("SEI_RESULT_EXPORT_BUCKET", "results/shadow", "has a path"),
        ("SEI_RESULT_EXPORT_REGION", "US", "other than a-z"),
        ("SEI_RESULT_EXPORT_PREFIX", "", "is empty"),
        ("SEI_STORAGE_RETAIN", "", "is empty"),
        ("SEI_STORAGE_RETAIN", "archives", "is not a kind of node: fullNode, archive"),
    ] {
        let good = environment().get(name).cloned().unwrap_or_else(|| variables::RETAIN.example.to_owned());
        check_refused(&[], &[(name, value)], &[name, reason, &format!("such as {good}")]);
    }
}

#[test]
fn retention_follows_the_environment() {
    let mut environment = environment();
    for (value, expected) in
        [(None, "archive,signer"), (Some("none"), "none"), (Some("fullNode"), "fullNode")]
    {
        environment.extend(value.map(|value| ("SEI_STORAGE_RETAIN".to_owned(), value.to_owned())));
        let platform = Settings::parse(&flags(&[]), &environment).unwrap().platform;
        assert_eq!(platform.retention.to_string(), expected);
    }
}

#[test]
fn the_prefix_of_results_is_used_as_it_is_written() {
    let mut environment = environment();
    for prefix in ["replay", "/a b/", "élan/"] {
        environment.insert("SEI_RESULT_EXPORT_PREFIX".to_owned(), prefix.to_owned());
        let platform = Settings::parse(&flags(&[]), &environment).unwrap().platform;
        assert_eq!(platform.result_export.prefix, prefix);
    }
}

#[test]
fn variables_of_the_original_that_nothing_uses_are_ignored() {
    let mut environment = environment();
    for name in ["SEI_STORAGE_CLASS_DEFAULT", "SEI_GATEWAY_NAME", "SEI_GATEWAY_DOMAIN"] {
        environment.insert(name.to_owned(), "?? !!".to_owned());
    }
    Settings::parse(&flags(&[]), &environment).unwrap();
}

#[test]
fn a_bad_flag_is_named_with_its_variable_and_the_forms() {
    let bind = "127.0.0.1:8080, [::1]:8080, :8080";
    for (argument, parts) in [
        ("--metrics-bind-address=8080", ["(SEINODE_METRICS_BIND_ADDRESS)", "\"8080\"", bind]),
        ("--health-probe-bind-address=", ["(SEINODE_HEALTH_PROBE_BIND_ADDRESS)", "\"\"", bind]),
        ("--webhook-bind-address=:x", ["(SEINODE_WEBHOOK_BIND_ADDRESS)", "\":x\"", bind]),
        ("--disable-webhooks=maybe", ["(SEINODE_DISABLE_WEBHOOKS)", "\"maybe\"", "true or false"]),
        ("--leader-elect=yes", ["(SEINODE_LEADER_ELECT)", "\"yes\"", "true or false"]),
        (
            "--leader-election-namespace=Sei",
            ["(SEINODE_LEADER_ELECTION_NAMESPACE)", "other than a-z", "name of a namespace"],
        ),
        (
            "--sidecar-url-template=https://{podIP}",
            ["(SEINODE_SIDECAR_URL_TEMPLATE)", "begin with http://", "{port}"],
        ),
        (
            "--sidecar-url-template=http://{pod}",
            ["(SEINODE_SIDECAR_URL_TEMPLATE)", "{pod} is not", "{podIP}"],
        ),
        ("--watch-namespace=a,B,", ["(SEINODE_WATCH_NAMESPACE)", "\"B\" has characters", "\"\" is empty"]),
        ("--log-format=xml", ["(SEINODE_LOG_FORMAT)", "\"xml\"", "text or json"]),
        (
            "--max-concurrent-reconciles=0",
            ["(SEINODE_MAX_CONCURRENT_RECONCILES)", "\"0\"", "from 1 to 65535"],
        ),
    ] {
        let flag = argument.split('=').next().unwrap();
        check_refused(&[argument], &[], &[&[flag], &parts[..]].concat());
    }
}

#[test]
fn flags_and_variables_are_reported_together() {
    let reported = problems(
        &["--log-format=xml", "--metrics-bind-address=nowhere"],
        &[("SEI_STORAGE_SIZE_DEFAULT", "big"), ("RUST_LOG", "kube=loud")],
    );
    let settings: Vec<_> = reported.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(settings, ["--metrics-bind-address", "--log-format", "RUST_LOG", "SEI_STORAGE_SIZE_DEFAULT"]);
}

#[test]
fn secure_metrics_need_the_certificate_of_the_webhooks() {
    assert_eq!(good(&["--metrics-secure"]).metrics_access, MetricsAccess::Reviewed);
    check_refused(&["--metrics-secure", "--disable-webhooks"], &[], &["--metrics-secure", "no webhooks"]);
    check_refused(&["--metrics-secure=perhaps"], &[], &["(SEINODE_METRICS_SECURE)", "true or false"]);
}

#[test]
fn credentials_in_a_template_are_not_repeated() {
    check_refused(&["--sidecar-url-template=https://me:hunter2@{podIP}"], &[], &["has credentials"]);
    let message = problems(&["--sidecar-url-template=https://me:hunter2@{podIP}"], &[]).concat();
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn there_is_an_election_in_a_pod_and_wherever_it_is_asked_for() {
    let elected = |arguments: &[&str], changes: &[(&str, &str)]| {
        let mut environment = environment();
        environment.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Settings::parse(&flags(arguments), &environment).unwrap().election
    };
    let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("POD_NAMESPACE", "sei-system")];
    let namespace = |name: &str| Some(Election { namespace: Some(name.to_owned()) });
    assert_eq!(elected(&[], &pod), namespace("sei-system"));
    assert_eq!(elected(&["--leader-elect=false"], &pod), None);
    assert_eq!(elected(&["--leader-elect"], &[]), Some(Election { namespace: None }));
    assert_eq!(elected(&["--leader-elect", "--leader-election-namespace=sei"], &pod), namespace("sei"));
}

#[test]
fn the_instance_is_the_pod() {
    let named = |variables: &[(&str, &str)]| {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        instance(&variables)
    };
    assert_eq!(named(&[("POD_NAME", "op-1"), ("HOSTNAME", "host")]), "op-1");
    assert_eq!(named(&[("POD_NAME", ""), ("HOSTNAME", "host")]), "host");
    assert_eq!(named(&[("POD_NAME", &"a".repeat(300))]).len(), 128);
}

#[test]
fn the_report_is_a_headline_and_a_line_for_each_problem() {
    let one = Problem::of("SEI_X", "is not set", "it sets x");
    assert_eq!(
        Problems(vec![one.clone()]).to_string(),
        "nothing was started, because a setting is wrong:\n  SEI_X is not set; it sets x"
    );
    assert!(
        Problems(vec![one.clone(), one])
            .to_string()
            .starts_with("nothing was started, because 2 settings are")
    );
}
