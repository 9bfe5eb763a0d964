//! Tasks of this checkout that are neither product nor test, and what tests need of them.
//!
//! | Module | Provides |
//! |---|---|
//! | [`cargo`] | builds the operator of this checkout |
//! | [`image`] | the operator's image, and images that stand in for Sei's own programs |
//! | [`platform`] | platform settings that fit a local cluster |
//! | [`release`] | both charts, installed with helm |
//!
//! The binary runs the tasks: `cargo xtask --help`.

pub mod cargo;
pub mod image;
pub mod platform;
pub mod release;
