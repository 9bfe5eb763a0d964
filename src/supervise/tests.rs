use seinode_controller::GateState;
use tokio::sync::oneshot;

use super::*;

const PATIENT: Duration = Duration::from_secs(60);

/// A fleet whose controller rests when asked to, and whose server notes whether it was closed before that.
struct Trial {
    fleet: Fleet,
    readiness: Readiness,
    gate: Gate,
    signal: mpsc::Sender<&'static str>,
    signals: mpsc::Receiver<&'static str>,
}

fn trial() -> Trial {
    let readiness = Readiness::default();
    let gate = readiness.gate("process", "it is starting");
    gate.open();
    let (signal, signals) = mpsc::channel(2);
    Trial { fleet: Fleet::default(), readiness, gate, signal, signals }
}

async fn endless(until: CancellationToken) -> Result<(), Infallible> {
    until.cancelled().await;
    Ok(())
}

fn panicking(message: &str) -> Result<(), Infallible> {
    panic!("{message}")
}

impl Trial {
    fn with_server(mut self) -> Self {
        let close = self.fleet.close.clone();
        self.fleet.serving.add("the server", endless(close));
        self
    }

    async fn outcome(self, patience: Duration) -> Result<(), Failure> {
        self.fleet.until_stopped(self.signals, &self.gate, patience).await
    }
}

#[tokio::test]
async fn a_signal_shuts_readiness_then_rests_the_controller_then_closes_the_endpoints() {
    let mut trial = trial().with_server();
    let (rest, close, readiness) =
        (trial.fleet.rest.clone(), trial.fleet.close.clone(), trial.readiness.clone());
    let (tell, told) = oneshot::channel();
    trial.fleet.working.add("the controller", async move {
        rest.cancelled().await;
        tell.send((readiness.report(), close.is_cancelled())).unwrap();
        Ok::<(), Infallible>(())
    });
    trial.signal.send("SIGTERM").await.unwrap();
    trial.outcome(PATIENT).await.unwrap();
    let (gates, closed) = told.await.unwrap();
    assert_eq!(gates["process"], GateState::Waiting("it is stopping after SIGTERM".into()));
    assert!(!closed, "the endpoints were closed before the controller had ended");
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_controller() {
    let mut trial = trial().with_server();
    trial.fleet.working.add("the controller", std::future::pending::<Result<(), Infallible>>());
    trial.signal.send("SIGTERM").await.unwrap();
    trial.signal.send("SIGINT").await.unwrap();
    assert!(matches!(trial.outcome(PATIENT).await, Err(Failure::CutOff("SIGINT"))));
}

#[tokio::test]
async fn a_controller_that_does_not_end_is_left_behind() {
    let mut trial = trial().with_server();
    trial.fleet.working.add("the controller", std::future::pending::<Result<(), Infallible>>());
    trial.signal.send("SIGTERM").await.unwrap();
    trial.outcome(Duration::from_millis(10)).await.unwrap();
}

#[tokio::test]
async fn a_part_that_ends_by_itself_ends_the_process_with_an_error() {
    let message = async |trial: Trial| {
        let kept = trial.signal.clone();
        let outcome = trial.outcome(PATIENT).await;
        drop(kept);
        outcome.unwrap_err().to_string()
    };

    let mut returned = trial().with_server();
    returned.fleet.working.add("the controller", async { Ok::<(), Infallible>(()) });
    assert_eq!(message(returned).await, "the controller ended although nothing asked it to");

    let mut failed = trial().with_server();
    failed.fleet.working.add("the controller", async { Err("no luck") });
    assert_eq!(message(failed).await, "the controller failed: no luck");

    let mut panicked = trial().with_server();
    panicked.fleet.working.add("the controller", async { panicking("out of luck") });
    assert_eq!(message(panicked).await, "the controller panicked, which is a defect: out of luck");

    let mut deaf = trial();
    let rest = deaf.fleet.rest.clone();
    deaf.fleet.working.add("the controller", endless(rest));
    deaf.fleet.serving.add("the health endpoint", async { Ok::<(), Infallible>(()) });
    assert_eq!(message(deaf).await, "the health endpoint ended although nothing asked it to");
}

#[tokio::test]
async fn a_panic_while_stopping_is_an_error_too() {
    let mut trial = trial().with_server();
    let rest = trial.fleet.rest.clone();
    trial.fleet.working.add("the controller", async move {
        rest.cancelled().await;
        panicking("late")
    });
    trial.signal.send("SIGTERM").await.unwrap();
    assert!(
        matches!(trial.outcome(PATIENT).await, Err(Failure::Ended(Ended::Panicked(_, why))) if why == "late")
    );
}
