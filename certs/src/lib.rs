//! The keys: the certificates of the admission webhooks. Nothing is issued yet, because no webhook is served yet.
//!
//! The room is kept free so that the doors between the rooms stand from the first day: this package may use
//! nothing else of ours. It knows X.509 and one Secret, and nothing of nodes.
//!
//! What belongs here:
//!
//! - *decide*: pure, from what is stored and the wall clock to "keep", "renew the leaf" or "a new authority", with
//!   the reason;
//! - *issue*: an authority and leaves that never outlive it;
//! - *store*: one Secret, written by compare-and-swap, so that of two replicas one wins and the other reads;
//! - *inject*: the bundle of authorities, old and new, into the webhook configurations, compared on every pass;
//! - *resolver*: the certificate that rustls presents, exchanged while connections are open;
//! - *rotate*: the loop that does the above.
//!
//! What never belongs here: a private key in a log line, an event, a status or an error message.
