//! The supervisor of a machine that is only processes: what systemd is on a real one. It looks at the identity before each
//! start, starts irita again when it ends by itself, and ends it cleanly when it is told to.

use super::ProcessHost;
use crate::files::{self, io};
use crate::host::Service;
use crate::verbs::check_identity;
use domain::{Class, Fault};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// As the real unit's RestartSec.
const RESTART: Duration = Duration::from_secs(5);
/// As the real unit's stop: after it the process is killed.
const PATIENCE: Duration = Duration::from_secs(30);
/// A log larger than this is moved aside at the next start.
const LOG_MAX: u64 = 50 << 20;

fn open(path: &str) -> Result<File, Fault> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(|e| io(path, e))
}

/// Takes a lock file, empty; `None` while somebody else holds it. Somebody may be looking at it just now, so it tries for a while.
fn hold(path: &str) -> Result<Option<File>, Fault> {
    let file = open(path)?;
    for _ in 0..20 {
        match file.try_lock() {
            // A number that an earlier holder left must not be taken for ours.
            Ok(()) => return file.set_len(0).map(|()| Some(file)).map_err(|e| io(path, e)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(50)),
            Err(TryLockError::Error(e)) => return Err(io(path, e)),
        }
    }
    Ok(None)
}

fn write_pid(file: &mut File, pid: u32) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{pid}")
}

/// Who holds a lock file now: nobody, or a process whose number may not be written yet. Lookers share the lock with each other,
/// so none is taken for a holder.
fn holder(path: &str) -> Result<Option<Option<Pid>>, Fault> {
    let mut file = open(path)?;
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(e)) => return Err(io(path, e)),
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| io(path, e))?;
    Ok(Some(text.trim().parse().ok().map(Pid::from_raw)))
}

/// Ends whoever holds a lock file, with patience, then without.
fn end(path: &str, first: Signal) -> Result<(), Fault> {
    let (began, mut told) = (Instant::now(), false);
    while let Some(found) = holder(path)? {
        let late = began.elapsed() > PATIENCE;
        if let Some(pid) = found.filter(|_| !told || late) {
            // Gone between the look and the signal is what is wanted.
            let _ = kill(pid, if late { Signal::SIGKILL } else { first });
            told = true;
        }
        if began.elapsed() > PATIENCE * 2 {
            return Err(Fault::new(Class::Busy, format!("{path}: its process does not end")));
        }
        std::thread::sleep(Duration::from_millis(60));
    }
    Ok(())
}

/// Stops the supervisor, which stops irita; then irita itself, should its supervisor have died before it.
pub(crate) fn stop(host: &ProcessHost) -> Result<(), Fault> {
    end(&host.file("service.lock"), Signal::SIGTERM)?;
    end(&host.file("irita.lock"), Signal::SIGTERM)
}

/// Kills supervisor and irita at once: the machine loses its power.
pub(crate) fn cut(host: &ProcessHost) -> Result<(), Fault> {
    end(&host.file("service.lock"), Signal::SIGKILL)?;
    end(&host.file("irita.lock"), Signal::SIGKILL)
}

/// What a machine does when it boots: starts the service if it is meant to run and nobody supervises it yet. A service that
/// was not told to end and is gone counts as started again.
pub(crate) fn boot(host: &ProcessHost) -> Result<(), Fault> {
    let wanted = files::read(&host.file("service.json"))?.is_some();
    if !wanted || holder(&host.file("service.lock"))?.is_some() {
        return Ok(());
    }
    let before = kept(host)?;
    if before["running"] == json!(true) {
        let restarts = before["restarts"].as_u64().unwrap_or_default() + 1;
        keep(host, restarts, "the machine had stopped without being told to; irita was started again at its boot", true)?;
    }
    begin(host)
}

/// Starts a supervisor that outlives this process.
pub(crate) fn begin(host: &ProcessHost) -> Result<(), Fault> {
    let log = OpenOptions::new().create(true).append(true).open(host.file("service.log")).map_err(|e| io("service.log", e))?;
    let errors = log.try_clone().map_err(|e| io("service.log", e))?;
    // This very program, also when its file has been replaced meanwhile.
    let mut command = Command::new("/proc/self/exe");
    // This program may be nodectl itself or one that has it inside; in both it is asked for by the same words.
    command.args(std::env::args().nth(1).filter(|a| a == "nodectl")).args(["serve", "--machine", &host.folder]);
    let mut child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().map_err(|e| io("nodectl serve", e))?;
    while holder(&host.file("service.lock"))?.is_none() {
        if child.try_wait().map_err(|e| io("nodectl serve", e))?.is_some() {
            return Err(Fault::internal("the supervisor ended at once; see service.log"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn kept(host: &ProcessHost) -> Result<Value, Fault> {
    Ok(files::read(&host.file("service-state.json"))?.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default())
}

fn keep(host: &ProcessHost, restarts: u64, reason: &str, running: bool) -> Result<(), Fault> {
    let text = json!({"restarts": restarts, "reason": reason, "running": running}).to_string();
    files::write(&host.file("service-state.json"), text.as_bytes(), 0o644)
}

/// What the supervisor wrote down last.
pub(crate) fn state(host: &ProcessHost) -> Result<Service, Fault> {
    let written = kept(host)?;
    let text = |k: &str| written[k].as_str().unwrap_or_default().to_string();
    let asked = files::read(&host.file("service.json"))?.is_some();
    let (supervised, alive) = (holder(&host.file("service.lock"))?.is_some(), holder(&host.file("irita.lock"))?.is_some());
    let state = match (asked, supervised, alive) {
        (_, _, true) => "running",
        (true, true, false) => "restarting",
        (false, _, _) if written.is_null() => "absent",
        _ => "stopped",
    };
    Ok(Service { state: state.into(), restarts: written["restarts"].as_u64().unwrap_or_default(), reason: text("reason") })
}

/// The supervisor itself: `nodectl serve`.
pub(crate) fn serve(host: &ProcessHost) -> Result<(), Fault> {
    // A session of its own: the terminal that started a launch may close.
    let _ = nix::unistd::setsid();
    let path = host.file("service.lock");
    let Some(mut lock) = hold(&path)? else { return Err(Fault::new(Class::Conflict, "this machine is supervised already")) };
    write_pid(&mut lock, std::process::id()).map_err(|e| io(&path, e))?;
    let told = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, told.clone()).map_err(|e| io("SIGTERM", e))?;
    let told = || told.load(std::sync::atomic::Ordering::SeqCst);
    let Service { mut restarts, mut reason, .. } = state(host)?;
    keep(host, restarts, &reason, true)?;
    while !told() {
        // A supervisor that was killed may have left irita behind.
        let _ = end(&host.file("irita.lock"), Signal::SIGTERM);
        reason = match pollster::block_on(check_identity::look(host)) {
            Err(fault) => format!("not started: {fault}"),
            // Whatever goes wrong with a start, the next one may go well: systemd would try again, too.
            Ok(_) => match run_irita(host, &told).unwrap_or_else(|f| Ended::Badly(f.message)) {
                Ended::AsTold => break,
                Ended::Well(why) => return keep(host, restarts, &why, false),
                Ended::Badly(why) => why,
            },
        };
        restarts += 1;
        keep(host, restarts, &reason, true)?;
        eprintln!("{} {reason}", files::now());
        let until = Instant::now() + RESTART;
        while Instant::now() < until && !told() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    keep(host, restarts, &reason, false)
}

/// How irita ended.
enum Ended {
    /// It was told to.
    AsTold,
    /// By itself and with 0 (a halt height, a SIGTERM from outside): as Restart=on-failure, it stays down.
    Well(String),
    /// By itself, badly: it is started again.
    Badly(String),
}

/// Runs irita to its end.
fn run_irita(host: &ProcessHost, told: &dyn Fn() -> bool) -> Result<Ended, Fault> {
    let wanted: Value = files::read(&host.file("service.json"))?.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let Some(home) = wanted["home"].as_str() else { return Ok(Ended::AsTold) };
    let log = host.file("irita.log");
    if std::fs::metadata(&log).is_ok_and(|m| m.len() > LOG_MAX) {
        std::fs::rename(&log, format!("{log}.1")).map_err(|e| io(&log, e))?;
    }
    let open = || OpenOptions::new().create(true).append(true).open(&log).map_err(|e| io(&log, e));
    let path = host.file("irita.lock");
    let Some(lock) = hold(&path)? else { return Err(Fault::new(Class::Conflict, "irita runs already")) };
    let mut pid_file = lock.try_clone().map_err(|e| io(&path, e))?;
    // irita holds the lock as its standard input, so it is held exactly as long as irita lives.
    let mut child = host.command(home, &["start", "--log_format", "json"]).stdin(lock).stdout(open()?).stderr(open()?).spawn().map_err(|e| io("irita", e))?;
    write_pid(&mut pid_file, child.id()).map_err(|e| io(&path, e))?;
    drop(pid_file);
    let began = Instant::now();
    let mut asked: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| io("irita", e))? {
            let why = format!("irita ended by itself after {} s: {status}", began.elapsed().as_secs());
            return Ok(match (asked, status.success()) {
                (Some(_), _) => Ended::AsTold,
                (None, true) => Ended::Well(why),
                (None, false) => Ended::Badly(why),
            });
        }
        match asked {
            None if told() => {
                let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > PATIENCE => drop(child.kill()),
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
