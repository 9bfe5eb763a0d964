//! SIGTERM and SIGINT as a stream of names.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Takes both signals over from now on: each arrives in the channel, none ends the process by itself.
///
/// # Errors
/// When the kernel refuses.
pub fn listen() -> io::Result<mpsc::Receiver<&'static str>> {
    let (sender, receiver) = mpsc::channel(2);
    for (name, kind) in [("SIGTERM", SignalKind::terminate()), ("SIGINT", SignalKind::interrupt())] {
        let mut arrivals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(
            async move { while arrivals.recv().await.is_some() && sender.send(name).await.is_ok() {} },
        );
    }
    Ok(receiver)
}
