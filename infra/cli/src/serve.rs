//! `cloud serve`: a simulated world on a loopback port, for AWS clients that others wrote.

use crate::fault_options;
use crate::home::Home;
use crate::session::{Place, Session};
use domain::{Class, Fault};
use local_cloud::Spec;
use std::io::Write;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

fn io(what: &str, e: impl std::fmt::Display) -> Fault {
    Fault::internal(format!("{what}: {e}"))
}

/// Serves the home's world, or a new one, until SIGTERM or SIGINT; the world stays on disk. Belongs into a runtime with a paused clock.
pub async fn run(folder: &Path, port: u16, faults: &[Spec]) -> Result<(), Fault> {
    let home = Home::take(folder)?;
    if home.settings()?.is_some() {
        let why = format!("{} holds machines that are processes; its cloud is served already: see `consortium cloud status`", folder.display());
        return Err(Fault::new(Class::Conflict, why));
    }
    let bound = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = bound.map_err(|e| Fault::field("--port", format!("{port}: {e}"), "--port 0, which takes any that is free"))?;
    let address = listener.local_addr().map_err(|e| io("127.0.0.1", e))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|e| io("SIGTERM", e))?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|e| io("SIGINT", e))?;
    let world = home.world()?;
    let place = Place::default().of(world.as_ref());
    let session = Session::open(world, 1, Some(home.world_file()), &place).await?;
    fault_options::apply(&session.cloud, faults);
    {
        let mut out = std::io::stdout().lock();
        let said = writeln!(out, "listening on http://{address}").and_then(|()| out.flush());
        said.map_err(|e| io("standard output", e))?;
    }
    tokio::select! {
        () = session.cloud.serve(listener) => {}
        () = session.cloud.keep_time() => {}
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    session.cloud.save().map_err(|e| io("world.json", e))
}
