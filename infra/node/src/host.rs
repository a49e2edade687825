//! The machine as nodectl sees it: files, disks, processes, clock, entropy, objects.

use crate::files;
use domain::Fault;
use serde_json::{Map, Value};
use std::future::Future;

/// What a process gave back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Exit code; 128 + signal for a killed process.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error; irita prints many results there.
    pub stderr: String,
}

/// A block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Device path, different from boot to boot.
    pub path: String,
    /// Volume id with its dash, from the NVMe serial.
    pub volume: String,
    /// No file system and no partition on it.
    pub blank: bool,
    /// File system label; ours is the volume's role.
    pub label: String,
    /// Where it is mounted; empty if it is not.
    pub mounted_at: String,
}

/// What the instance metadata say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Instance id.
    pub id: String,
    /// Private address.
    pub ip: String,
}

/// The service that runs `irita start`, as its supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// `running`, `stopped` (as asked), `restarting` (ended by itself) or `absent` (never made).
    pub state: String,
    /// How often it was started again after it ended by itself.
    pub restarts: u64,
    /// Why it last ended by itself, or was not started; empty if it never did.
    pub reason: String,
}

/// Everything nodectl may do to its machine. Time passes only in the `async` ones. Files, clock and entropy are those of the
/// computer that nodectl runs on, unless the machine is simulated.
pub trait Host: Send + Sync {
    /// Held while an order is carried out; let go when it is dropped, also by the death of the process.
    type Lock: Send;
    /// Waits until no other nodectl works on this machine.
    fn lock(&self) -> impl Future<Output = Result<Self::Lock, Fault>> + Send;
    /// The folder below which everything lies.
    fn root(&self) -> String;
    /// Who am I, from the metadata service.
    fn instance(&self) -> impl Future<Output = Result<Instance, Fault>> + Send;
    /// Values of config.toml that say where irita listens on this machine.
    fn listen(&self) -> Map<String, Value>;
    /// `host:port` of irita's RPC, for commands of irita that need a running node.
    fn rpc_address(&self) -> String;
    /// A file's bytes; `None` if there is no such file.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        files::read(path)
    }
    /// Writes a file atomically with these permission bits, making its folders.
    fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Fault> {
        files::write(path, bytes, mode)
    }
    /// Removes a file or a folder with all in it; "not there" is success.
    fn remove(&self, path: &str) -> Result<(), Fault> {
        files::remove(path)
    }
    /// Makes a folder a symbolic link to another; safe to repeat.
    fn link(&self, from: &str, to: &str) -> Result<(), Fault> {
        files::link(from, to)
    }
    /// Free space where a path lies, in percent.
    fn free_percent(&self, path: &str) -> Result<u8, Fault> {
        files::free_percent(path)
    }
    /// Every disk.
    fn disks(&self) -> impl Future<Output = Result<Vec<Disk>, Fault>> + Send;
    /// Makes an xfs file system with a label. Only ever called on a blank disk.
    fn format(&self, disk: &Disk, label: &str) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Mounts a disk by its UUID, now and at every boot if `always`.
    fn mount(&self, disk: &Disk, at: &str, always: bool) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Unmounts.
    fn unmount(&self, at: &str) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Pulls an image and gives its digest.
    fn pull(&self, image: &str) -> impl Future<Output = Result<String, Fault>> + Send;
    /// Runs irita once, with a clean environment of `HOME` and `PATH` only. `stdin` is written piece by piece, with a pause
    /// between. It reaches a network only if `args` name a `--node`.
    fn irita(&self, image: &str, home: &str, args: &[&str], stdin: &[&str]) -> impl Future<Output = Result<Output, Fault>> + Send;
    /// Makes the service that runs `irita start`, and (re)starts it. The service looks at the identity before each start.
    fn start_service(&self, image: &str, home: &str) -> impl Future<Output = Result<(), Fault>> + Send;
    /// Stops the service and waits until irita has ended; "not running" is success.
    fn stop_service(&self) -> impl Future<Output = Result<(), Fault>> + Send;
    /// The service now.
    fn service(&self) -> impl Future<Output = Result<Service, Fault>> + Send;
    /// GET on the node's own RPC; `None` while nobody listens. An error body is a value too.
    fn rpc(&self, path: &str) -> impl Future<Output = Result<Option<Value>, Fault>> + Send;
    /// Whether a machine can be reached on a port: it lets the connection in, or refuses it itself.
    fn reaches(&self, ip: &str, port: u16) -> impl Future<Output = bool> + Send {
        let reached = files::reaches(ip, port);
        async move { reached }
    }
    /// Waits.
    fn sleep(&self, seconds: u64) -> impl Future<Output = ()> + Send;
    /// Seconds since 1970.
    fn now(&self) -> u64 {
        files::now()
    }
    /// Random bytes, fit for keys.
    fn entropy(&self, count: usize) -> Result<Vec<u8>, Fault> {
        files::entropy(count)
    }
    /// Reads an object.
    fn get_object(&self, bucket: &str, region: &str, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>> + Send;
    /// Writes an object once; `false` if there is one.
    fn put_object(&self, bucket: &str, region: &str, key: &str, bytes: &[u8]) -> impl Future<Output = Result<bool, Fault>> + Send;
    /// The last lines of the service's log.
    fn log(&self, lines: usize) -> impl Future<Output = Result<String, Fault>> + Send;
}
