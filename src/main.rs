//! `seinode-operator`: the binary that composes every room of the workspace.
//!
//! The command line selects a command, whose outcome becomes an exit code: 0 after success or a stop by a signal, 2 when a
//! setting is wrong, 1 otherwise. Nothing about nodes is decided here.

// Numbers, texts and lists of others cannot make it panic: arithmetic saturates or is checked, and nothing is indexed.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::string_slice))]

mod admin;
mod admission;
mod cli;
mod clients;
mod crds;
mod selftest;
mod settings;
mod supervise;
mod telemetry;
mod variables;

use std::{
    collections::BTreeMap,
    io::{Write, stderr},
    process::ExitCode,
};

use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;

use crate::{
    cli::{Cli, Command, RunArgs, SelftestArgs},
    settings::{Problems, Settings},
};

/// Reviews of several megabytes come and go on many threads; this allocator returns their memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(flags) => run(&flags),
        Command::Crds => crds::print().context("the CRDs could not be printed"),
        Command::Selftest(arguments) => selftest(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(if error.is::<Problems>() { 2 } else { 1 })
        }
    }
}

fn run(flags: &RunArgs) -> anyhow::Result<()> {
    let settings = Settings::parse(flags, &environment())?;
    telemetry::install(settings.log_format, &settings.log_filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the operator could not be started")?;
    let outcome = runtime.block_on(supervise::run(settings));
    // Not dropped: that would wait for name look-ups, which nothing can interrupt.
    runtime.shutdown_background();
    Ok(outcome?)
}

fn selftest(arguments: &SelftestArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the thread of the test could not be started")?;
    Ok(runtime.block_on(selftest::run(arguments, &environment()))?)
}

/// The environment. Bytes that are not UTF-8 become a replacement character, which every rule on a value refuses.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

/// Reports an error into the log where that takes errors, so that its format holds to the last line; otherwise plainly.
fn report(error: &anyhow::Error) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error:#}");
    } else {
        // Nothing is left to report to when this fails.
        let _ = writeln!(stderr().lock(), "seinode-operator: {error:#}");
    }
}
