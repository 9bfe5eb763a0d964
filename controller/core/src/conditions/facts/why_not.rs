//! A reason why a node is not Ready.

/// A reason why a node is not Ready, and what can change that.
pub(super) struct WhyNot {
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) outlook: Outlook,
}

/// Outlook of a node that is not Ready.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// The operator or the node goes on by itself.
    Moving,
    /// A person has to do something.
    Stuck,
    /// Nothing is to be done, and nothing is wrong.
    Resting,
}
