//! `seinode-operator`: the binary that composes every room of the workspace.
//!
//! It reads the command line, does what it says, and turns the outcome into an exit code: 0 when all went well or a
//! signal asked it to stop, 2 when a setting is wrong, 1 otherwise. It decides nothing about nodes.

mod admin;
mod admission;
mod cli;
mod clients;
mod config;
mod crds;
mod selftest;
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
    config::{Configuration, Problems},
};

/// Reviews of several megabytes come and go on many threads; what they leave is given back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(flags) => run(&flags),
        Command::Crds => crds::print().context("the CRDs could not be printed"),
        Command::Selftest(told) => selftest(&told),
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
    let configuration = Configuration::parse(flags, &environment())?;
    telemetry::install(configuration.log_format, &configuration.log_filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the operator could not be started")?;
    let outcome = runtime.block_on(supervise::run(configuration));
    // Not dropped: that would wait for name look-ups, which nothing can interrupt.
    runtime.shutdown_background();
    Ok(outcome?)
}

fn selftest(told: &SelftestArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the thread of the test could not be started")?;
    Ok(runtime.block_on(selftest::run(told, &environment()))?)
}

/// The environment. What is no UTF-8 keeps a replacement character, which every rule on a value refuses.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

/// Into the log where it takes errors, so that its format holds to the last line; otherwise plainly to the terminal.
fn report(error: &anyhow::Error) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error:#}");
    } else {
        // Nobody is left to tell when this fails.
        let _ = writeln!(stderr().lock(), "seinode-operator: {error:#}");
    }
}
