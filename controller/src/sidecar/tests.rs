//! The client against the simulated sidecar.
