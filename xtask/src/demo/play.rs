//! The demo from the first step to the summary, and the parts that run.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use devcluster::{Audit, Cluster, Event, Guard, Options, Progress, Tool, Tools};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde_json::json;
use sidecar_sim::{Delay, Sidecars, TaskType};
use xtask::{platform, release};

use crate::demo::arguments::{Arguments, Machinery, Pace};
use crate::demo::follow::Goal;
use crate::demo::operator::Operator;
use crate::demo::screen::{Screen, Voice, span};
use crate::demo::summary::{self, Story};
use crate::demo::{compile, day_two, examples, follow, outro, real};

/// Running parts of the demo. They end in this order: operator, sidecars, cluster.
#[derive(Debug, Default)]
pub(crate) struct Running {
    operator: Option<Operator>,
    sidecars: Option<Sidecars>,
    cluster: Option<Cluster>,
}

/// Plays the demo. What it starts is put into `running`, and stays there also when a later step fails.
///
/// # Errors
/// When a step fails; the words say which and why.
pub(crate) async fn play(
    arguments: &Arguments,
    guard: &Guard,
    screen: &Screen,
    running: &mut Running,
) -> anyhow::Result<()> {
    if arguments.machinery() == Machinery::Real {
        return real::play(guard, screen, &mut running.cluster).await;
    }
    screen.heading(
        "Three SeiNodes, a real Kubernetes API, on this machine. Ctrl-C ends everything at any moment.",
    );

    let step = screen.step(1, "Tools", "looking for etcd and Kubernetes");
    let tools = Tools::provide(&Tool::CONTROL_PLANE, guard, &progress_of(step.voice())).await?;
    step.done(&format!("all {} programs of a control plane are there", tools.iter().count()));

    let step = screen.step(2, "Build", "cargo builds the operator of this checkout");
    let binary = compile::operator(guard, step.voice()).await?;
    let definition = compile::definition(&binary).await?;
    step.done(&format!("the operator of this checkout: {}", binary.display()));

    let step = screen.step(3, "Control plane", "starting it");
    // Before the controllers start: the garbage collector looks for new kinds only now and then, and children of a
    // SeiNode that is deleted by hand in the first minute would stay that long.
    let crds = vec![definition];
    let options =
        Options { audit: Audit::On, crds, progress: progress_of(step.voice()), ..platform::options() };
    let cluster = running.cluster.insert(Cluster::start(options, guard).await?);
    step.done(&format!("{} serves SeiNodes, as `seinode-operator crds` defines them", cluster.url()));

    let step = screen.step(4, "Chart", "helm installs both charts of this checkout");
    // One replica, and a log for people.
    let values = json!({"platform": platform::values(), "replicas": 1, "log": {"format": "text"}});
    release::install(cluster, &values).await?;
    step.done("helm installed charts/seinode-crds and charts/seinode-operator");

    let step = screen.step(5, "Operator", "starting it and waiting until it has listed everything");
    let sidecars = running.sidecars.insert(Sidecars::start(cluster.client()).await?);
    let probed = sidecars.clone();
    cluster.answer_probes(move |probe| probed.answers_probe(probe.pod, probe.port, probe.path));
    set_pace(sidecars, arguments.pace());
    let operator = running.operator.insert(Operator::start(&binary, cluster, sidecars).await?);
    operator.ready(cluster, step.voice()).await?;
    release::until_admission(&cluster.client(), release::NAMESPACE).await?;
    step.done("runs as the Deployment says, has listed everything, and the API server calls its webhooks");

    let names = examples::nodes()?;
    let step = screen.step(6, "SeiNodes", &format!("kubectl {}", examples::COMMAND.join(" ")));
    let since = Timestamp::now();
    let mut arrivals = tokio::select! {
        followed = async {
            // Watched from before they exist: so the time of each is its whole time.
            let (arrivals, ()) = tokio::try_join!(
                follow::until(Goal::Running, cluster.client(), &names, screen),
                async {
                    examples::apply(cluster).await?;
                    step.voice().now("applied; the operator brings them up");
                    anyhow::Ok(())
                },
            )?;
            anyhow::Ok(arrivals)
        } => followed.map_err(|error| anyhow!("{error:#}\n{}", operator.log_end())),
        words = operator.end() => Err(anyhow!(words)),
    }?;
    let slowest = arrivals.iter().map(|arrival| arrival.took).max().unwrap_or_default();
    step.done(&format!(
        "{} of {} are Running, the last after {}",
        arrivals.len(),
        names.len(),
        span(slowest)
    ));

    let work = "a sidecar restarts, and forgets that its node was ready";
    let (updated, refusals) = day_two::show(cluster, screen, work, day_two::heal(sidecars)).await?;
    let old = arrivals.iter_mut().filter(|it| it.node.name_any() == updated.node.name_any());
    old.for_each(|arrival| arrival.node = updated.node.clone());

    let story = Story { cluster, sidecars, arrivals: &arrivals, refusals: &refusals, since };
    screen.say(&summary::write(&story).await.context("the nodes are up, but the summary cannot be made")?);
    Ok(())
}

impl Running {
    /// Returns true if there is a cluster to look at.
    pub(crate) fn is_up(&self) -> bool {
        self.cluster.is_some()
    }

    /// Shows how to look at what runs.
    pub(crate) fn explain(&self, screen: &Screen) {
        if let Some(cluster) = &self.cluster {
            screen.say(&outro::text(cluster, self.operator.as_ref()));
        }
    }

    /// Ends what runs, and reports it.
    pub(crate) fn end(self, screen: &Screen) {
        let Self { operator, sidecars, cluster } = self;
        if cluster.is_none() {
            screen.say("\nNothing is left running.");
            return;
        }
        screen.say("\nEnding the operator and the control plane, deleting their files …");
        drop(operator);
        drop(sidecars);
        drop(cluster);
        screen.say("Everything is gone.");
    }
}

/// Progress events as lines of a step.
pub(crate) fn progress_of(voice: &Voice) -> Progress {
    let voice = voice.clone();
    Progress::new(move |event| {
        let text = event.to_string();
        match event {
            event if event.is_repetition() => voice.now(&text),
            Event::ToolFound { .. } | Event::Ready { .. } => voice.now(&text),
            _ => voice.news(&text),
        }
    })
}

fn set_pace(sidecars: &Sidecars, pace: Pace) {
    match pace {
        Pace::Instant => {}
        Pace::Lifelike => {
            let between = |shortest, longest| Delay::Between {
                shortest: Duration::from_millis(shortest),
                longest: Duration::from_millis(longest),
                seed: 1,
            };
            let behaviour = sidecars.behaviour();
            behaviour.start_delay(between(1_500, 4_000));
            for task in TaskType::ALL {
                behaviour.task_duration(task, between(800, 2_200));
            }
        }
    }
}
