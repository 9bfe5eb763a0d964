use seinode_controller::GateState;
use tokio::sync::oneshot;

use super::*;

const PATIENT: Duration = Duration::from_secs(60);

/// A process whose controller ends when asked to, and whose server records whether it was closed before that.
struct Trial {
    parts: Parts,
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
    Trial { parts: Parts::default(), readiness, gate, signal, signals }
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
        let close = self.parts.close.clone();
        self.parts.serving.add("the server", endless(close));
        self
    }

    async fn outcome(self, deadline: Duration) -> Result<(), Failure> {
        self.parts.until_stopped(self.signals, &self.gate, deadline).await
    }
}

#[tokio::test]
async fn a_signal_ends_readiness_then_reconciles_then_endpoints() {
    let mut trial = trial().with_server();
    let (rest, close, readiness) =
        (trial.parts.rest.clone(), trial.parts.close.clone(), trial.readiness.clone());
    let (send, sent) = oneshot::channel();
    trial.parts.working.add("the controller", async move {
        rest.cancelled().await;
        send.send((readiness.report(), close.is_cancelled())).unwrap();
        Ok::<(), Infallible>(())
    });
    trial.signal.send("SIGTERM").await.unwrap();
    trial.outcome(PATIENT).await.unwrap();
    let (gates, closed) = sent.await.unwrap();
    assert_eq!(gates["process"], GateState::Waiting("it is stopping after SIGTERM".into()));
    assert!(!closed, "the endpoints were closed before the controller had ended");
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_controller() {
    let mut trial = trial().with_server();
    trial.parts.working.add("the controller", std::future::pending::<Result<(), Infallible>>());
    trial.signal.send("SIGTERM").await.unwrap();
    trial.signal.send("SIGINT").await.unwrap();
    assert!(matches!(trial.outcome(PATIENT).await, Err(Failure::CutOff("SIGINT"))));
}

#[tokio::test]
async fn a_controller_that_does_not_end_is_left_behind() {
    let mut trial = trial().with_server();
    trial.parts.working.add("the controller", std::future::pending::<Result<(), Infallible>>());
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
    returned.parts.working.add("the controller", async { Ok::<(), Infallible>(()) });
    assert_eq!(message(returned).await, "the controller ended although nothing asked it to");

    let mut failed = trial().with_server();
    failed.parts.working.add("the controller", async { Err("no luck") });
    assert_eq!(message(failed).await, "the controller failed: no luck");

    let mut panicked = trial().with_server();
    panicked.parts.working.add("the controller", async { panicking("out of luck") });
    assert_eq!(message(panicked).await, "the controller panicked, which is a defect: out of luck");

    let mut deaf = trial();
    let rest = deaf.parts.rest.clone();
    deaf.parts.working.add("the controller", endless(rest));
    deaf.parts.serving.add("the health endpoint", async { Ok::<(), Infallible>(()) });
    assert_eq!(message(deaf).await, "the health endpoint ended although nothing asked it to");
}

#[tokio::test]
async fn a_panic_while_stopping_is_an_error_too() {
    let mut trial = trial().with_server();
    let rest = trial.parts.rest.clone();
    trial.parts.working.add("the controller", async move {
        rest.cancelled().await;
        panicking("late")
    });
    trial.signal.send("SIGTERM").await.unwrap();
    assert!(
        matches!(trial.outcome(PATIENT).await, Err(Failure::Ended(Ended::Panicked(_, why))) if why == "late")
    );
}
