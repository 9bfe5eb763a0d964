//! `cargo xtask`: tasks of this checkout. `cargo demo` is `cargo xtask demo`.

mod demo;
mod image_task;
mod up;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use devcluster::supervisor;

/// Tasks of this checkout.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    #[command(bin_name = "cargo demo")]
    Demo(demo::Arguments),
    Up(up::Arguments),
    Image(image_task::Arguments),
}

fn main() -> ExitCode {
    // First: this executable may run as the container of a sidecar, or as the watchdog of another run of itself.
    sidecar_sim::container::run_if_named();
    let guard = supervisor::claim();
    let Arguments { task } = Arguments::parse_from(without_separator(std::env::args_os()));
    let outcome = match task {
        Task::Demo(arguments) => return demo::run(&arguments, &guard),
        Task::Up(arguments) => up::run(&arguments, &guard),
        Task::Image(arguments) => image_task::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments without the `--` of `cargo demo -- --keep`. The aliases need none, and people type one out of habit.
fn without_separator(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let leading = |(index, argument): &(usize, OsString)| (1..=2).contains(index) && argument == "--";
    arguments.enumerate().filter(move |it| !leading(it)).map(|(_, argument)| argument)
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_leading_separator_is_ignored() {
        for line in ["xtask demo --keep --slow", "xtask demo -- --keep --slow", "xtask -- demo --keep --slow"]
        {
            let words = line.split(' ').map(OsString::from);
            let Arguments { task } = Arguments::try_parse_from(without_separator(words)).unwrap();
            let Task::Demo(arguments) = task else { unreachable!("{line}") };
            assert_eq!(arguments.ending(), demo::Ending::OnInterrupt, "{line}");
        }
    }

    #[test]
    fn the_definition_is_valid_and_the_help_shows_examples() {
        Arguments::command().debug_assert();
        let mut command = Arguments::command();
        let help = command.find_subcommand_mut("demo").unwrap().render_long_help().to_string();
        assert!(help.contains("cargo demo --keep"), "{help}");
    }
}
