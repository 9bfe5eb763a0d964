//! The gate: admission of SeiNodes and of the StatefulSets that run them. Nothing is served yet.
//!
//! The room is kept free so that the doors between the rooms stand from the first day: this package may use
//! `seinode-core` and `seinode-api`, and nothing else of ours. What the API server checks today are the CEL rules
//! of the CRD (`seinode-api`); what they cannot say, the controller says in the condition `SpecValid`.
//!
//! What belongs here:
//!
//! - *serve*: HTTPS with the certificates that `seinode-certs` keeps, deadlines, and a drain at the end;
//! - *review*: `AdmissionReview` in and out, whatever version and shape it has;
//! - *verdict*: pure, from the old and the new object to "allow, with these warnings" or "deny, for all of these
//!   violations". It calls the core's own `Intent::parse`, so that `kubectl`, the condition and a test say the
//!   same of the same spec.
//!
//! What never belongs here: a rule of its own, a call to the API server, or anything that changes an object. The
//! gate being shut must never keep a SeiNode from being deleted.
