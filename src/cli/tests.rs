//! The command line holds together, and docs/reference.md has all of it.

#[path = "../../tests/architecture/golden.rs"]
mod golden;

use clap::CommandFactory;

use super::*;
use crate::settings::flags::variable_of;

#[test]
fn the_definition_is_sound_and_every_flag_is_also_a_variable() {
    let mut command = Cli::command();
    command.build();
    command.clone().debug_assert();
    let run = command.find_subcommand("run").unwrap();
    let mut seen = 0;
    for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
        let flag = argument.get_long().unwrap();
        assert_eq!(argument.get_env().unwrap(), &*variable_of(flag), "--{flag}");
        seen += 1;
    }
    assert_eq!(seen, 22);
}

#[test]
fn the_help_covers_installation_and_platform_variables() {
    let mut command = Cli::command();
    command.build();
    let overview = command.render_long_help().to_string();
    assert!(overview.contains("seinode-operator crds | kubectl apply --server-side -f -"), "{overview}");
    let run = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
    for variable in variables::VARIABLES.iter().chain([&variables::RETAIN]) {
        assert!(run.contains(variable.name), "{} is missing in {run}", variable.name);
    }
    assert!(run.contains("[env: SEINODE_METRICS_BIND_ADDRESS]"), "{run}");
}

#[test]
fn a_boolean_flag_needs_no_value_or_one_after_equals() {
    let leader_elect = |arguments: &[&str]| {
        let line = ["seinode-operator", "run"].iter().chain(arguments);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Run(flags) => flags.leader_elect,
            Command::Crds | Command::Selftest(_) => unreachable!("run was asked for"),
        }
    };
    assert_eq!(leader_elect(&[]), None);
    assert_eq!(leader_elect(&["--leader-elect"]).as_deref(), Some("true"));
    assert_eq!(leader_elect(&["--leader-elect=false"]).as_deref(), Some("false"));
}

#[test]
fn the_reference_has_every_flag_and_every_platform_variable() {
    let mut command = Cli::command();
    command.build();
    let run = command.find_subcommand("run").unwrap();
    let mut flags = "| Flag | Variable | Default | What it is |\n|---|---|---|---|\n".to_owned();
    for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
        let flag = argument.get_long().unwrap();
        let defaults: Vec<_> = argument.get_default_values().iter().map(|it| it.to_string_lossy()).collect();
        let default = defaults.join(",");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let what = argument.get_long_help().or_else(|| argument.get_help()).unwrap().to_string();
        let what = what.replace('\n', " ").replace('|', "\\|");
        flags.push_str(&format!("| `--{flag}` | `{}` | {default} | {what} |\n", variable_of(flag)));
    }
    golden::assert_part("docs/reference.md", "flags", &flags);
    let mut variables = "| Variable | Sets | Example |\n|---|---|---|\n".to_owned();
    for variables::Variable { name, meaning, example } in
        variables::VARIABLES.iter().chain([&variables::RETAIN])
    {
        variables.push_str(&format!("| `{name}` | {meaning} | `{example}` |\n"));
    }
    golden::assert_part("docs/reference.md", "variables", &variables);
}
