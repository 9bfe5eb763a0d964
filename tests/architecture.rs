//! Facts about the project itself, held by tests: who may depend on whom, how large a file may grow, that the
//! documents name what the code has. They need no cluster and no network.
//!
//! A fact is a list of offences that must be empty. An offence says where it is and what to do about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by panicking what is wrong"
)]

#[path = "architecture/architecture_document.rs"]
mod architecture_document;
#[path = "architecture/charts.rs"]
mod charts;
#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/citations.rs"]
mod citations;
#[path = "architecture/decisions.rs"]
mod decisions;
#[path = "architecture/definition.rs"]
mod definition;
#[path = "architecture/doc_openings.rs"]
mod doc_openings;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/golden.rs"]
mod golden;
#[path = "architecture/links.rs"]
mod links;
#[path = "architecture/naming.rs"]
mod naming;
#[path = "architecture/project.rs"]
mod project;
#[path = "architecture/release.rs"]
mod release;
#[path = "architecture/rooms.rs"]
mod rooms;
#[path = "architecture/runbook.rs"]
mod runbook;
#[path = "architecture/sources.rs"]
mod sources;
#[path = "architecture/trees.rs"]
mod trees;
#[path = "architecture/values.rs"]
mod values;
