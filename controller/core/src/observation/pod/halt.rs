//! End of a `seid` that may have halted on purpose: at an upgrade height, or at the height or time that its configuration
//! names (sei-cosmos `x/upgrade/abci.go`, `baseapp/abci.go`).

use k8s_openapi::api::core::v1 as k8s;

use super::{SEID, running};

/// End of a `seid` that is not up, if it may have been on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A plan of the chain stopped it: its image does not have the upgrade.
    Upgrade,
    /// It ended as if it had been told to: by itself, or by a signal.
    Ended,
}

/// Exit codes of a `seid` that was told to stop, or told itself: 0, and those of SIGINT and SIGTERM.
const TOLD: [i32; 3] = [0, 130, 143];

/// How `seid` ended last, unless it is up again or has failed.
pub(super) fn of(status: &k8s::PodStatus) -> Option<Halt> {
    let seid = status.container_statuses.iter().flatten().find(|container| container.name == SEID)?;
    if running(seid).is_some() {
        return None;
    }
    let ended = |state: Option<&k8s::ContainerState>| state.and_then(|state| state.terminated.clone());
    let exit = ended(seid.state.as_ref()).or_else(|| ended(seid.last_state.as_ref()))?;
    let words = exit.message.as_deref().unwrap_or_default();
    match words.contains("UPGRADE \"") && words.contains("NEEDED at height") {
        true => Some(Halt::Upgrade),
        false => TOLD.contains(&exit.exit_code).then_some(Halt::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(container: serde_json::Value, expected: Option<Halt>) {
        let mut container = container;
        container["name"] = json!(SEID);
        for (name, value) in [("image", json!("i")), ("imageID", json!("i")), ("ready", json!(false))] {
            container[name] = value;
        }
        container["restartCount"] = json!(1);
        let status = json!({ "containerStatuses": [container] });
        assert_eq!(of(&serde_json::from_value(status).unwrap()), expected);
    }

    #[test]
    fn a_halt_is_told_from_a_crash_by_code_and_words() {
        let words = "panic: UPGRADE \"v6.6\" NEEDED at height: 100: {}";
        let exit = |code: i32, words: &str| json!({"terminated": {"exitCode": code, "message": words}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        check(json!({"state": exit(2, words)}), Some(Halt::Upgrade));
        check(json!({"state": waiting, "lastState": exit(2, words)}), Some(Halt::Upgrade));
        check(json!({"state": waiting, "lastState": exit(0, "")}), Some(Halt::Ended));
        check(json!({"state": waiting, "lastState": exit(143, "")}), Some(Halt::Ended));
        check(json!({"state": waiting, "lastState": exit(2, "panic: no such file")}), None);
        check(json!({"state": waiting, "lastState": exit(137, "")}), None);
        check(json!({"state": {"running": {}}, "lastState": exit(2, words)}), None);
        check(json!({"state": waiting}), None);
    }
}
