//! A StatefulSet that somebody deletes and a pod that somebody evicts in the middle of a rollout change nothing about its end.

use std::sync::Arc;

use futures::{StreamExt, stream};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{ResourceExt, api::PropagationPolicy};
use scenario::scenario;
use serde_json::json;
use sidecar_sim::TaskType;

use super::{
    hold::{GAPS, begin_and_stop_at, let_go_on, wish},
    running,
};
use crate::kit::{Kit, eventually, rolling::image, rollout::RolloutWatch, tier::Tier};

const AT_ONCE: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Strike {
    Set,
    Pod,
}

#[scenario(first)]
async fn a_rollout_survives_a_deleted_child_at_any_task(kit: Arc<Kit>) {
    strike_at_tasks(&kit, Tier::Sample).await;
}

#[scenario(exhaustive)]
async fn a_rollout_survives_a_deleted_child_at_every_task(kit: Arc<Kit>) {
    strike_at_tasks(&kit, Tier::All).await;
}

async fn strike_at_tasks(kit: &Kit, tier: Tier) {
    let strikes = GAPS.into_iter().flat_map(|gap| [(Strike::Set, gap), (Strike::Pod, gap)]);
    let strike = |(what, gap)| strike(kit, what, gap);
    stream::iter(tier.of(strikes)).for_each_concurrent(AT_ONCE, strike).await;
}

async fn strike(kit: &Kit, what: Strike, gap: &str) {
    let (ns, _operator) = running(kit).await;
    let watch = RolloutWatch::begin(&ns).await;
    begin_and_stop_at(&ns, gap).await;
    let now = async || match what {
        Strike::Set => ns.api::<StatefulSet>().get_opt("n0").await.unwrap().and_then(|set| set.uid()),
        Strike::Pod => ns.api::<Pod>().get_opt("n0-0").await.unwrap().and_then(|pod| pod.uid()),
    };
    let struck = now().await;
    match what {
        Strike::Set => ns.delete::<StatefulSet>("n0", PropagationPolicy::Background).await,
        Strike::Pod => ns.delete::<Pod>("n0-0", PropagationPolicy::Background).await,
    }
    let_go_on(&ns, gap).await;
    eventually(&format!("{what:?} at {gap}: another took its place"), async || match now().await {
        Some(uid) if Some(&uid) != struck.as_ref() => Ok(()),
        other => Err(other),
    })
    .await;
    let tag = if gap == "observe-image" { "v3" } else { "v2" };
    ns.patch("n0", wish(tag, "2")).await;
    ns.rolled("n0", tag).await;
    watch.holds();
    assert_eq!(watch.reported_images("n0", &image(tag)).await, [image(tag)], "{what:?} at {gap}");
    let submitted = ns.sidecar("n0").submissions();
    let config = submitted.iter().rev().find(|it| it.task == TaskType::ConfigApply).unwrap();
    assert_eq!(json!(config.params)["overrides"]["evm.http_port"], "2", "{what:?} at {gap}");
}
