//! A pod that is missing: once it is due, the report of its controller is fetched, and then repeated.

use crate::{
    decision::{Act, Rest},
    failure::Class,
    node::Deletion,
    observation::Observation,
    query::Query,
    subject::Subject,
    task::Until,
};

/// The act of a node that would rest without a pod: the reason is fetched when it is due.
pub(super) fn look(subject: &Subject, seen: &Observation, act: Act) -> Act {
    let (Act::Rest(rest), Some(due)) = (&act, seen.pod_refusal_due) else { return act };
    let is_asked = subject.intent.is_ok() && subject.deletion == Deletion::Absent;
    let Some(controller) = seen.podless().filter(|_| is_asked && seen.failed_request.is_none()) else {
        return act;
    };
    if seen.now >= due {
        return Act::Fetch(Query::PodRefusal(controller.to_owned()));
    }
    let until = match (seen.refused(), rest.until) {
        (Some(_), _) => Until::Retry(Class::User),
        (None, Until::Event) => Until::At(due),
        (None, Until::At(at)) => Until::At(at.min(due)),
        (None, Until::Retry(class)) => Until::Retry(class),
    };
    let why = seen.refused().map(str::to_owned).or_else(|| rest.why.clone());
    Act::Rest(Rest { why, until })
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::{
        observation::{PodRefusal, examples},
        platform::{Bucket, ResultExport},
    };

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    /// A node whose StatefulSet has made no pod for a while.
    fn seen() -> Observation {
        let bucket = Bucket { name: "b".into(), region: "r".into() };
        let mut seen = Observation::empty(now(), ResultExport { bucket, prefix: "p".into() });
        seen.stateful_set = Some(examples::workload());
        seen.pod_refusal_due = Some(now());
        seen
    }

    fn decided(seen: &Observation) -> Act {
        let text =
            "metadata: {name: n0, namespace: sei, uid: u}\nspec: {chainId: c, image: 'i:1', fullNode: {}}";
        let subject = Subject::of(&serde_norway::from_str(text).unwrap());
        look(&subject, seen, Act::Rest(Rest { why: Some("the pod is missing".into()), until: Until::Event }))
    }

    #[track_caller]
    fn rests(seen: &Observation, why: &str, until: Until) {
        assert_eq!(decided(seen), Act::Rest(Rest { why: Some(why.into()), until }));
    }

    #[test]
    fn the_report_is_fetched_when_it_is_due_and_then_repeated() {
        let mut seen = seen();
        assert_eq!(decided(&seen), Act::Fetch(Query::PodRefusal("set".into())));
        let due = now() + SignedDuration::from_secs(15);
        seen.pod_refusal_due = Some(due);
        seen.pod_refusal = Some(PodRefusal::NotReported);
        rests(&seen, "the pod is missing", Until::At(due));
        seen.pod_refusal = Some(PodRefusal::Refused("exceeded quota".into()));
        rests(&seen, "exceeded quota", Until::Retry(Class::User));
        seen.pods = vec![examples::pod()];
        rests(&seen, "the pod is missing", Until::Event);
    }
}
