//! A machine that is only processes: a folder, a loopback address, and the chain program of this computer.
//!
//! Its volumes are folders beside it, mounted by a link; whoever makes the machine writes `machine.json` into its folder.

pub(crate) mod service;

use crate::files::{self, io, run};
use crate::host::{Disk, Host, Instance, Output, Service};
use domain::{Class, Fault, ids};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What `machine.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMachine {
    /// Instance id.
    pub instance: String,
    /// Loopback address; every server of the node listens there.
    pub ip: String,
    /// The chain program.
    pub irita: String,
    /// Where the local cloud serves its API: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Access key id of the machine's role.
    pub access_key: String,
    /// Attached volumes: id -> folder.
    pub volumes: BTreeMap<String, String>,
}

/// The machine in a folder.
#[derive(Debug, Clone)]
pub struct ProcessHost {
    folder: String,
    machine: ProcessMachine,
}

impl ProcessHost {
    /// Opens the machine of a folder.
    pub fn open(folder: &str) -> Result<ProcessHost, Fault> {
        let path = format!("{folder}/machine.json");
        let bytes = files::read(&path)?.ok_or_else(|| Fault::new(Class::NotFound, format!("{path} is missing: there is no machine")))?;
        let machine = serde_json::from_slice(&bytes).map_err(|e| Fault::internal(format!("{path}: {e}")))?;
        Ok(ProcessHost { folder: folder.into(), machine })
    }

    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// irita with a clean environment.
    pub(crate) fn command(&self, home: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.machine.irita);
        command.args(args).env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(home);
        command
    }

    /// Waits until no irita command runs. Whoever inherits the file holds it, so a command holds it exactly as long as it lives.
    fn lock_command(&self) -> Result<std::fs::File, Fault> {
        let path = self.file("command.lock");
        let file = std::fs::File::create(&path).map_err(|e| io(&path, e))?;
        file.lock().map_err(|e| io(&path, e))?;
        Ok(file)
    }

    /// A signed request to the local cloud: status and body.
    fn s3(&self, method: &[&str], region: &str, bucket: &str, key: &str) -> Result<(String, Vec<u8>), Fault> {
        let body = self.file(&format!("object-{}", std::process::id()));
        let (user, scope, url) =
            (format!("{}:local", self.machine.access_key), format!("aws:amz:{region}:s3"), format!("{}/{bucket}/{key}", self.machine.endpoint));
        let base = ["-s", "--max-time", "30", "-o", &body, "-w", "%{http_code}", "--user", &user, "--aws-sigv4", &scope];
        let out = run("curl", &[base.as_slice(), method, &[&url]].concat(), &[])?;
        let bytes = files::read(&body)?.unwrap_or_default();
        files::remove(&body)?;
        if out.code != 0 {
            return Err(Fault::new(Class::Transient, format!("s3 {key}: the local cloud does not answer (curl exit {})", out.code)));
        }
        Ok((out.stdout.trim().to_string(), bytes))
    }
}

fn refused(key: &str, status: &str, body: &[u8]) -> Fault {
    let class = if status == "403" { Class::Denied } else { Class::Transient };
    Fault::new(class, format!("s3 {key}: HTTP {status}: {}", String::from_utf8_lossy(body)))
}

impl Host for ProcessHost {
    type Lock = std::fs::File;

    async fn lock(&self) -> Result<std::fs::File, Fault> {
        let path = self.file("nodectl.lock");
        let file = std::fs::File::create(&path).map_err(|e| io(&path, e))?;
        file.lock().map_err(|e| io(&path, e))?;
        // An irita command whose nodectl was killed goes on without it: what it does must be over before anybody looks.
        self.lock_command()?;
        Ok(file)
    }

    fn root(&self) -> String {
        self.file("consortium")
    }

    async fn instance(&self) -> Result<Instance, Fault> {
        Ok(Instance { id: self.machine.instance.clone(), ip: self.machine.ip.clone() })
    }

    fn listen(&self) -> Map<String, Value> {
        let ip = &self.machine.ip;
        let values = json!({
            "rpc.laddr": format!("tcp://{ip}:26657"),
            "p2p.laddr": format!("tcp://{ip}:26656"),
            "instrumentation.prometheus_listen_addr": format!("{ip}:26660"),
            // All connections of one computer come from one address.
            "p2p.allow_duplicate_ip": true,
        });
        values.as_object().cloned().unwrap_or_default()
    }

    fn rpc_address(&self) -> String {
        format!("{}:26657", self.machine.ip)
    }

    async fn disks(&self) -> Result<Vec<Disk>, Fault> {
        let mut found = vec![];
        for (volume, folder) in &self.machine.volumes {
            let label = files::read(&format!("{folder}/label"))?.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
            let content = format!("{folder}/files");
            let mounts = ["data", "identity", "authority"].map(|m| format!("{}/{m}", self.root()));
            let mounted_at = mounts.into_iter().find(|m| std::fs::read_link(m).is_ok_and(|to| to == Path::new(&content))).unwrap_or_default();
            found.push(Disk { path: folder.clone(), volume: volume.clone(), blank: label.is_empty(), label, mounted_at });
        }
        Ok(found)
    }

    async fn format(&self, disk: &Disk, label: &str) -> Result<(), Fault> {
        std::fs::create_dir_all(format!("{}/files", disk.path)).map_err(|e| io(&disk.path, e))?;
        files::write(&format!("{}/label", disk.path), label.as_bytes(), 0o644)
    }

    async fn mount(&self, disk: &Disk, at: &str, _: bool) -> Result<(), Fault> {
        files::link(at, &format!("{}/files", disk.path))
    }

    async fn unmount(&self, at: &str) -> Result<(), Fault> {
        files::remove(at)
    }

    /// Nothing is pulled: the digest is the program's own.
    async fn pull(&self, _: &str) -> Result<String, Fault> {
        let path = &self.machine.irita;
        let bytes = files::read(path)?.ok_or_else(|| Fault::new(Class::NotFound, format!("{path} is not there")))?;
        Ok(format!("sha256:{}", ids::sha256_hex(&bytes)))
    }

    async fn irita(&self, _: &str, home: &str, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
        std::fs::create_dir_all(home).map_err(|e| io(home, e))?;
        let held = self.lock_command()?;
        fcntl(&held, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|e| Fault::internal(format!("command.lock: {e}")))?;
        files::run_command(&mut self.command(home, args), &self.machine.irita, stdin)
    }

    async fn start_service(&self, _: &str, home: &str) -> Result<(), Fault> {
        service::stop(self)?;
        // Counted since it was asked for, as systemd does.
        files::remove(&self.file("service-state.json"))?;
        files::write(&self.file("service.json"), json!({"home": home}).to_string().as_bytes(), 0o644)?;
        service::begin(self)
    }

    async fn stop_service(&self) -> Result<(), Fault> {
        files::remove(&self.file("service.json"))?;
        service::stop(self)
    }

    async fn service(&self) -> Result<Service, Fault> {
        service::state(self)
    }

    async fn rpc(&self, path: &str) -> Result<Option<Value>, Fault> {
        files::rpc(&self.rpc_address(), path)
    }

    async fn sleep(&self, seconds: u64) {
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }

    async fn get_object(&self, bucket: &str, region: &str, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        match self.s3(&["-X", "GET"], region, bucket, key)? {
            (status, bytes) if status == "200" => Ok(Some(bytes)),
            (status, _) if status == "404" => Ok(None),
            (status, body) => Err(refused(key, &status, &body)),
        }
    }

    async fn put_object(&self, bucket: &str, region: &str, key: &str, bytes: &[u8]) -> Result<bool, Fault> {
        let file = self.file(&format!("put-{}", std::process::id()));
        files::write(&file, bytes, 0o600)?;
        let done = self.s3(&["-X", "PUT", "-H", "If-None-Match: *", "--data-binary", &format!("@{file}")], region, bucket, key);
        files::remove(&file)?;
        match done? {
            (status, _) if status == "200" => Ok(true),
            (status, _) if status == "412" => Ok(false),
            (status, body) => Err(refused(key, &status, &body)),
        }
    }

    async fn log(&self, lines: usize) -> Result<String, Fault> {
        let text = files::read(&self.file("irita.log"))?.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        Ok(all[all.len().saturating_sub(lines)..].join("\n"))
    }
}
