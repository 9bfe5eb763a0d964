use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

fn parse(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Option<Admission>, Problems> {
    let line = ["seinode-operator", "run"].iter().chain(arguments);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match Cli::try_parse_from(line).unwrap().command {
        Command::Run(flags) => Admission::parse(&flags.webhooks, &environment.collect()),
        Command::Crds | Command::Selftest(_) => unreachable!("run was asked for"),
    }
}

fn served(arguments: &[&str], environment: &[(&str, &str)]) -> Admission {
    parse(arguments, environment).unwrap().unwrap()
}

#[test]
fn without_flags_it_is_served_with_an_authority_of_our_own() {
    let expected = Admission {
        listen: Listen::All(10250),
        authority: Authority::Secret("seinode-operator-webhook-authority".into()),
        clients: None,
        names: Vec::new(),
        mutating: "seinode-operator".into(),
        validating: "seinode-operator".into(),
        namespace: None,
    };
    assert_eq!(served(&[], &[("POD_NAMESPACE", "")]), expected);
    assert_eq!(
        served(&[], &[("POD_NAMESPACE", "sei")]),
        Admission { namespace: Some("sei".into()), ..expected }
    );
}

#[test]
fn it_can_be_switched_off_in_two_ways() {
    assert_eq!(parse(&["--disable-webhooks"], &[]), Ok(None));
    assert_eq!(parse(&["--webhook-bind-address=0"], &[]), Ok(None));
}

#[test]
fn a_certificate_in_files_is_taken_with_or_without_its_bundle() {
    let directory = "--webhook-certificate-directory=/tls";
    let files = |bundle| {
        let (certificate, key) = ("/tls/tls.crt".into(), "/tls/tls.key".into());
        Authority::Files(Files { certificate, key, bundle, interval: INTERVAL })
    };
    assert_eq!(served(&[directory], &[]).authority, files(None));
    let bundle = "--webhook-ca-bundle=/tls/ca.crt";
    assert_eq!(served(&[directory, bundle], &[]).authority, files(Some("/tls/ca.crt".into())));
}

#[test]
fn an_authority_of_clients_is_a_file() {
    assert_eq!(served(&["--webhook-client-ca=/ca.crt"], &[]).clients, Some("/ca.crt".into()));
    assert_eq!(served(&["--webhook-client-ca="], &[]).clients, None);
}

#[test]
fn names_are_dns_names_and_addresses() {
    let names = "--webhook-names=a.b.svc,127.0.0.1";
    assert_eq!(served(&[names, "--webhook-names=::1"], &[]).names, ["a.b.svc", "127.0.0.1", "::1"]);
    assert_eq!(served(&["--webhook-names="], &[]).names, [""; 0]);
}

#[test]
fn all_problems_are_reported_at_once_even_when_switched_off() {
    let arguments = [
        "--disable-webhooks",
        "--webhook-bind-address=:x",
        "--webhook-names=a b",
        "--webhook-certificate-secret=A",
        "--webhook-ca-bundle=/ca.crt",
        "--mutating-webhook-configuration=",
        "--validating-webhook-configuration=a/b",
    ];
    let Problems(problems) = parse(&arguments, &[("POD_NAMESPACE", "a.b")]).unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    for (lines, parts) in lines.iter().zip([
        ["--webhook-bind-address (SEINODE_WEBHOOK_BIND_ADDRESS)", "\":x\""],
        ["--webhook-names (SEINODE_WEBHOOK_NAMES)", "\"a b\" is neither a DNS name nor an IP address"],
        ["--webhook-certificate-secret (SEINODE_WEBHOOK_CERTIFICATE_SECRET)", "\"A\", which has characters"],
        ["--webhook-ca-bundle (SEINODE_WEBHOOK_CA_BUNDLE)", "--webhook-certificate-directory"],
        ["--mutating-webhook-configuration (", "\"\", which has a part"],
        ["--validating-webhook-configuration (", "\"a/b\", which has characters"],
        ["POD_NAMESPACE", "\"a.b\", which has characters"],
    ]) {
        assert!(parts.iter().all(|part| lines.contains(part)), "{lines}");
    }
    assert_eq!(lines.len(), 7);
}
