//! The cloud itself: one world, one clock, one way in for every call, whoever makes it.

use crate::clock::Attention;
use crate::faults::{Faults, Injected, STEP};
use crate::grants::{Grant, Use};
use crate::late::Lag;
use crate::latency::{API_CALL, Latency};
use crate::machines::Machines;
use crate::services;
use crate::world::{Notes, Sample, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Account.
    pub account: String,
    /// Role ARN; empty = the account's root.
    pub role: String,
    /// Name of the role's session.
    pub session: String,
}

/// One call of an API, read from the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// Signing name: `ec2`, `ssm`, `s3`, `lambda`, `states`, `sns`, `events`, `servicequotas`, `sts`.
    pub service: String,
    /// Action: `RunInstances`.
    pub action: String,
    /// Region.
    pub region: String,
    /// Who.
    pub principal: Principal,
    /// Parameters by the API's own names.
    pub params: Value,
}

/// What a call gives: members by the API's own names, or an error.
pub type Reply = Result<Value, ApiError>;

/// An error as a service answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Code.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// Text.
    pub message: String,
}

impl ApiError {
    /// An error.
    pub fn new(code: &str, status: u16, message: impl Into<String>) -> ApiError {
        ApiError { code: code.into(), status, message: message.into() }
    }

    /// What a planned fault's code looks like on the wire.
    fn injected(code: &str) -> ApiError {
        let status = match code {
            "InsufficientInstanceCapacity" | "InternalError" | "InternalServerError" | "InternalFailure" | "ServiceException" => 500,
            "RequestLimitExceeded" | "SlowDown" | "ServiceUnavailable" | "Unavailable" => 503,
            "UnauthorizedOperation" | "AccessDenied" => 403,
            "PreconditionFailed" => 412,
            "TooManyRequestsException" => 429,
            "NoSuchKey" => 404,
            _ => 400,
        };
        ApiError::new(code, status, format!("{code} (a fault on purpose)"))
    }
}

/// One run of a function, as its code sees it.
pub struct Run {
    /// Function's ARN; one process per function.
    pub function: String,
    /// The template's `Handler`.
    pub handler: String,
    /// The template's `Environment`.
    pub settings: BTreeMap<String, String>,
    /// Region.
    pub region: String,
    /// Access key id, secret and session token of its role.
    pub credentials: (String, String, String),
    /// Payload.
    pub payload: Value,
    /// The cloud, to reach it by SDK.
    pub cloud: Cloud,
}

/// Error type and message that a function ends with.
pub type RunError = (String, String);
/// A function's code, given by whoever starts the cloud.
pub type Code = Arc<dyn Fn(Run) -> Pin<Box<dyn Future<Output = Result<Value, RunError>> + Send>> + Send + Sync>;

/// Changes a call on its way in.
pub type Tamper = Box<dyn Fn(&mut Call) + Send + Sync>;

tokio::task_local! {
    /// The running function, so that a call can kill it.
    pub(crate) static PROCESS: Arc<Notify>;
}

/// One message on the wire, for the outside judges.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Exchange {
    /// Service.
    pub service: String,
    /// Action.
    pub action: String,
    /// Method, path with query, headers, body of the request.
    pub request: (String, String, BTreeMap<String, String>, String),
    /// Status, headers and body of the response.
    pub response: (u16, BTreeMap<String, String>, String),
}

/// Something that passes inside the cloud and not over the wire: what executions, functions and buses are given and give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What kind of thing: `state output`, `function payload`, `event`, ...
    pub channel: &'static str,
    /// Whose.
    pub place: String,
    /// Its JSON.
    pub text: String,
}

/// Time of a cloud.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Where a simulated world's time began, in ms since 1970 and on this thread's clock.
    simulated: Option<(u64, Instant)>,
}

impl Clock {
    /// ms since 1970.
    pub fn now_ms(&self) -> u64 {
        match self.simulated {
            Some((base_ms, began)) => base_ms + began.elapsed().as_millis() as u64,
            None => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_millis() as u64).unwrap_or_default(),
        }
    }
}

pub(crate) struct Inner {
    pub world: Mutex<World>,
    pub faults: Mutex<Faults>,
    pub code: Code,
    pub began: Instant,
    pub base_ms: u64,
    pub file: Option<PathBuf>,
    pub exchanges: Mutex<Option<Vec<Exchange>>>,
    pub heard: Mutex<Option<Vec<Heard>>>,
    pub watchers: Mutex<Vec<tokio::sync::mpsc::UnboundedSender<(String, String)>>>,
    pub kills: Mutex<BTreeMap<String, Arc<Notify>>>,
    /// Where executions that did not succeed were; this process's only.
    pub points: Mutex<BTreeMap<String, crate::states::Point>>,
    /// The lock file of each node.
    pub node_locks: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// A defect on purpose in what callers send.
    pub tamper: Mutex<Option<Tamper>>,
    /// What makes instances real; without it they and their time are simulated.
    pub machines: Option<Machines>,
    /// What roles were refused: `(role, action, resource)`.
    pub refusals: Mutex<Vec<(String, String, String)>>,
    /// Grants that were needed, for whoever asked.
    pub uses: Mutex<Option<BTreeMap<Grant, Use>>>,
    /// What reads still show of services whose effects are late.
    pub lags: Mutex<Vec<Lag>>,
    /// Events that functions have still to be given.
    pub deliveries: AtomicUsize,
    /// How long ago anybody cared, for a world that is served.
    pub attention: Mutex<Attention>,
}

/// The local cloud; cheap to clone.
#[derive(Clone)]
pub struct Cloud(pub(crate) Arc<Inner>);

impl Cloud {
    /// Opens a world. `file` = where every change is written; `None` = nowhere. Must be called inside a current-thread tokio
    /// runtime: without `machines` one with a paused clock, with them (processes live in real time) one with a running clock.
    pub fn open(world: World, code: Code, file: Option<PathBuf>, machines: Option<Machines>) -> Cloud {
        let base_ms = world.now_ms;
        let inner = Inner {
            world: Mutex::new(world),
            faults: Mutex::default(),
            code,
            began: Instant::now(),
            base_ms,
            file,
            exchanges: Mutex::new(None),
            heard: Mutex::new(None),
            watchers: Mutex::default(),
            kills: Mutex::default(),
            points: Mutex::default(),
            refusals: Mutex::default(),
            lags: Mutex::default(),
            uses: Mutex::default(),
            tamper: Mutex::default(),
            node_locks: Mutex::default(),
            machines,
            deliveries: AtomicUsize::new(0),
            attention: Mutex::default(),
        };
        let cloud = Cloud(Arc::new(inner));
        crate::services::ssm::resume(&cloud);
        cloud
    }

    /// The world, to look at or to change directly; nobody else moves meanwhile.
    pub fn world(&self) -> MutexGuard<'_, World> {
        // A panic elsewhere while holding the lock is a defect that must not be hidden by a second one.
        self.0.world.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Time, ms since 1970: virtual in a simulated world, the computer's where machines are processes.
    pub fn now_ms(&self) -> u64 {
        self.clock().now_ms()
    }

    /// The cloud's clock, which does not hold the cloud.
    pub fn clock(&self) -> Clock {
        Clock { simulated: self.0.machines.is_none().then_some((self.0.base_ms, self.0.began)) }
    }

    /// Plans faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// From now on the world notes what is drawn, called and entered; gives what was noted before.
    pub fn take_note(&self) -> Notes {
        self.world().notes.replace(Notes::default()).unwrap_or_default()
    }

    /// From now on every message is kept for [`Cloud::exchanges`], and what passes without one for [`Cloud::heard`].
    pub fn record(&self) {
        *self.0.exchanges.lock().unwrap_or_else(|p| p.into_inner()) = Some(vec![]);
        *self.0.heard.lock().unwrap_or_else(|p| p.into_inner()) = Some(vec![]);
    }

    /// What passed since [`Cloud::record`] and not over the wire.
    pub fn heard(&self) -> Vec<Heard> {
        self.0.heard.lock().unwrap_or_else(|p| p.into_inner()).clone().unwrap_or_default()
    }

    pub(crate) fn hear(&self, channel: &'static str, place: &str, value: &Value) {
        if let Some(list) = self.0.heard.lock().unwrap_or_else(|p| p.into_inner()).as_mut() {
            list.push(Heard { channel, place: place.into(), text: value.to_string() });
        }
    }

    /// Messages kept since [`Cloud::record`].
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.exchanges.lock().unwrap_or_else(|p| p.into_inner()).clone().unwrap_or_default()
    }

    /// Calls that policies refused: `(role, action, resource)`.
    pub fn refusals(&self) -> Vec<(String, String, String)> {
        self.0.refusals.lock().unwrap_or_else(|p| p.into_inner()).clone()
    }

    /// Names of states as they are entered: `(execution name, state)`.
    pub fn watch(&self) -> tokio::sync::mpsc::UnboundedReceiver<(String, String)> {
        let (send, receive) = tokio::sync::mpsc::unbounded_channel();
        self.0.watchers.lock().unwrap_or_else(|p| p.into_inner()).push(send);
        receive
    }

    pub(crate) fn tell(&self, execution: &str, state: &str) {
        for watcher in self.0.watchers.lock().unwrap_or_else(|p| p.into_inner()).iter() {
            let _ = watcher.send((execution.into(), state.into()));
        }
    }

    /// How long something takes: sampled in a simulated world, no time of its own where machines are processes.
    /// `instance` = the machine that it is about, if any.
    pub(crate) fn lasts(&self, world: &mut World, latency: &'static Latency, instance: &str) -> u64 {
        if self.0.machines.is_some() {
            return 0;
        }
        let drawn = world.between(latency.low, latency.high);
        let ms = world.scaled(latency, drawn);
        if let Some(notes) = &mut world.notes {
            notes.samples.push(Sample { name: latency.name, instance: instance.into(), at_ms: self.now_ms(), ms });
        }
        ms
    }

    /// Waits a sampled time.
    pub(crate) async fn pass(&self, latency: &'static Latency, instance: &str) {
        let ms = self.lasts(&mut self.world(), latency, instance);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Puts a defect into what callers send, so that a test can show that it is caught.
    pub fn tamper(&self, defect: Tamper) {
        *self.0.tamper.lock().unwrap_or_else(|p| p.into_inner()) = Some(defect);
    }

    /// Writes the world to its file, whole or not at all.
    pub fn save(&self) -> std::io::Result<()> {
        let Some(file) = &self.0.file else { return Ok(()) };
        let text = {
            let mut world = self.world();
            world.now_ms = self.now_ms();
            serde_json::to_vec(&*world)?
        };
        let new = file.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, file)
    }

    /// Saves after a change; a disk that cannot be written ends the run, since a later command would see another world.
    pub(crate) fn changed(&self) {
        if let Err(e) = self.save() {
            panic!("the local cloud cannot write its world: {e}");
        }
    }

    /// Carries out one call: latency, faults, policy, effect. `Err(None)` = the reply is lost.
    pub(crate) async fn perform(&self, mut call: Call) -> Result<Reply, ()> {
        if let Some(defect) = &*self.0.tamper.lock().unwrap_or_else(|p| p.into_inner()) {
            defect(&mut call);
        }
        {
            let (name, mut world) = (format!("{}:{}", call.service, call.action), self.world());
            world.note_call(STEP.try_with(|s| (s.execution.clone(), s.state.clone())).unwrap_or_default(), &name);
            *world.calls.entry(name).or_default() += 1;
        }
        self.pass(&API_CALL, "").await;
        let injected = self.faults().meet(&call.service, &call.action);
        if let Some(Injected::Refused(code)) = &injected {
            return Ok(Err(ApiError::injected(code)));
        }
        if let Some(stale) = self.stale(&call) {
            return Ok(stale);
        }
        if injected == Some(Injected::Late) {
            self.lag(&call);
        }
        let mut reply = services::dispatch(self, &call).await;
        if injected == Some(Injected::Twice) {
            reply = services::dispatch(self, &call).await;
        }
        if services::mutates(&call.action) {
            self.stirred();
            if call.service == "ec2" {
                self.follow_world().await;
            }
            self.changed();
        }
        match injected {
            Some(Injected::Lost) => Err(()),
            Some(Injected::Died) => {
                if PROCESS.try_with(|p| p.notify_one()).is_ok() {
                    std::future::pending::<()>().await;
                }
                Err(())
            }
            _ => Ok(reply),
        }
    }
}
