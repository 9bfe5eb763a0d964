//! The forms that admission (CEL) rules take, so that beside a field stands only what is judged there.
//!
//! Two kinds of rule exist. Plain ones are those that no stored object breaks: the original operator's CRD had
//! them, or they judge a change. Any other rule must let an object pass that broke it before and still does,
//! or its owner could no longer edit it. The API server by itself forgives only a value that did not change as
//! a whole, and an object did when one of its members was edited; hence [`stricter`]. (New limits on a single
//! string or number need no such care.)
//!
//! Below a list no rule may look at the old value: the server cannot tell which item was which.

use kube::core::{Reason, Rule};

use crate::names::MAX_NAME_LENGTH;

/// A rule that no stored object breaks. `self` is the value at hand, `oldSelf` the one before it.
pub(crate) fn rule(expression: impl Into<String>, message: &str) -> Rule {
    Rule::new(expression).message(message)
}

/// A rule that stored objects may break. `$` stands for the value that is judged: the present one, and the one before it.
pub(crate) fn stricter(judgement: &str, message: &str) -> Rule {
    let (now, before) = (judgement.replace('$', "self"), judgement.replace('$', "oldSelf.value()"));
    Rule::new(format!("({now}) || (oldSelf.hasValue() && !({before}))"))
        .message(message)
        .optional_old_self(true)
}

/// A value that cannot change, as long as its parent exists: whether it may vanish is for the parent to say.
pub(crate) fn immutable(message: &str) -> Rule {
    Rule::new("self == oldSelf").message(message).reason(Reason::FieldValueForbidden)
}

/// Of these members exactly one is set.
pub(crate) fn exactly_one(members: &[&str], message: &str) -> Rule {
    // A sum, not a list that is filtered: that would cost too much below a list of any length.
    let set: Vec<_> = members.iter().map(|member| format!("(has(self.{member}) ? 1 : 0)")).collect();
    rule(format!("{} == 1", set.join(" + ")), message)
}

/// Member by member, what was set stays set and what was not does not appear.
pub(crate) fn same_members(members: &[&str], message: &str) -> Rule {
    let same: Vec<_> =
        members.iter().map(|member| format!("has(self.{member}) == has(oldSelf.{member})")).collect();
    rule(same.join(" && "), message).reason(Reason::FieldValueForbidden)
}

/// The name of a new SeiNode. One that exists keeps its name, whatever it is.
pub(crate) fn name_of_a_new_node() -> Rule {
    Rule::new(format!(
        "oldSelf.hasValue() || \
         (self.metadata.name.size() <= {MAX_NAME_LENGTH} && \
         self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$'))"
    ))
    .message(format!(
        "metadata.name must have at most {MAX_NAME_LENGTH} characters, only lower-case letters, digits and \
         '-', begin with a letter and not end with '-', because Service, pods and revision labels are named \
         after it; choose such a name"
    ).as_str())
    .optional_old_self(true)
}
