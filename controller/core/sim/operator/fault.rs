//! Faults of a request, and of the process that sends it.

/// Fault of the operator's next request that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it sends it.
    CrashBefore,
    /// The process dies before it hears of the answer.
    CrashAfter,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is not carried out.
    Refused,
    /// Somebody else changes the SeiNode right before.
    Conflict,
}

impl Fault {
    pub const ALL: [Self; 5] =
        [Self::CrashBefore, Self::CrashAfter, Self::AnswerLost, Self::Refused, Self::Conflict];
}
