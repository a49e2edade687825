//! The real machine: Amazon Linux 2023 with Docker, systemd and `aws s3api`.

use crate::host::{Disk, Host, Instance, Output};
use crate::layout;
use domain::{Class, Fault};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// Name of the service that runs `irita start`.
const SERVICE: &str = "consortium-irita";
/// Folder under which containers see the same paths as the host.
const ROOT: &str = "/var/lib/consortium";

/// One nodectl at a time.
const LOCK: &str = "/run/nodectl.lock";

/// This computer.
#[derive(Debug, Default)]
pub struct Machine;

fn io(what: &str, e: std::io::Error) -> Fault {
    Fault::internal(format!("{what}: {e}"))
}

fn run(program: &str, args: &[&str], stdin: &str) -> Result<Output, Fault> {
    let mut child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.as_mut().map_err(|e| Fault::internal(format!("{program}: {e}")))?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not read its input closes the pipe early: that is its right.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    let drain = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = vec![];
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stderr = drain(child.stderr.take().map(|p| Box::new(p) as Box<dyn Read + Send>));
    let stdout = drain(child.stdout.take().map(|p| Box::new(p) as Box<dyn Read + Send>));
    let status = child.wait().map_err(|e| io(program, e))?;
    let text = |t: std::thread::JoinHandle<String>| t.join().unwrap_or_default();
    Ok(Output { code: status.code().unwrap_or(137), stdout: text(stdout), stderr: text(stderr) })
}

fn must(program: &str, args: &[&str]) -> Result<String, Fault> {
    let out = run(program, args, "")?;
    if out.code == 0 {
        return Ok(out.stdout);
    }
    Err(Fault::internal(format!("{program} {}: exit {}: {}", args.first().unwrap_or(&""), out.code, out.stderr.trim())))
}

impl Host for Machine {
    type Lock = std::fs::File;

    async fn lock(&self) -> Result<std::fs::File, Fault> {
        let file = std::fs::File::create(LOCK).map_err(|e| io(LOCK, e))?;
        file.lock().map_err(|e| io(LOCK, e))?;
        Ok(file)
    }

    async fn instance(&self) -> Result<Instance, Fault> {
        let token = must("curl", &["-sf", "-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60", "http://169.254.169.254/latest/api/token"])?;
        let header = format!("X-aws-ec2-metadata-token: {}", token.trim());
        let get = |what: &str| must("curl", &["-sf", "-H", &header, &format!("http://169.254.169.254/latest/meta-data/{what}")]);
        Ok(Instance { id: get("instance-id")?.trim().into(), ip: get("local-ipv4")?.trim().into() })
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io(path, e)),
        }
    }

    fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Fault> {
        let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(|e| io(path, e))?;
        let new = format!("{path}.new");
        self.remove(&new)?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).map_err(|e| io(path, e))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| io(path, e))?;
        std::fs::rename(&new, path).map_err(|e| io(path, e))
    }

    fn remove(&self, path: &str) -> Result<(), Fault> {
        let gone = if Path::new(path).is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        match gone {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io(path, e)),
            _ => Ok(()),
        }
    }

    fn link(&self, from: &str, to: &str) -> Result<(), Fault> {
        std::fs::create_dir_all(to).map_err(|e| io(to, e))?;
        if std::fs::read_link(from).is_ok_and(|target| target == Path::new(to)) {
            return Ok(());
        }
        if let Some(folder) = Path::new(from).parent() {
            std::fs::create_dir_all(folder).map_err(|e| io(from, e))?;
        }
        symlink(to, from).map_err(|e| io(from, e))
    }

    async fn disks(&self) -> Result<Vec<Disk>, Fault> {
        let json: Value = serde_json::from_str(&must("lsblk", &["--json", "--paths", "-o", "NAME,SERIAL,FSTYPE,LABEL,MOUNTPOINT,TYPE"])?)
            .map_err(|e| Fault::internal(format!("lsblk: {e}")))?;
        let disk = |d: &Value| {
            let text = |k: &str| d[k].as_str().unwrap_or_default().to_string();
            let serial = text("serial");
            let volume = serial.strip_prefix("vol").map(|n| format!("vol-{}", n.trim_start_matches('-'))).unwrap_or(serial);
            let blank = d["fstype"].is_null() && d["children"].is_null();
            Disk { path: text("name"), volume, blank, label: text("label"), mounted_at: text("mountpoint") }
        };
        Ok(json["blockdevices"].as_array().into_iter().flatten().filter(|d| d["type"] == "disk").map(disk).collect())
    }

    async fn format(&self, disk: &Disk, label: &str) -> Result<(), Fault> {
        // Without -f mkfs refuses a disk that has something on it: a second guard behind our own.
        must("mkfs.xfs", &["-q", "-L", label, &disk.path]).map(drop)
    }

    async fn mount(&self, disk: &Disk, at: &str, always: bool) -> Result<(), Fault> {
        std::fs::create_dir_all(at).map_err(|e| io(at, e))?;
        let uuid = must("blkid", &["-s", "UUID", "-o", "value", &disk.path])?.trim().to_string();
        if always {
            let table = self.read("/etc/fstab")?.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
            if !table.contains(&uuid) {
                let line = format!("{}\nUUID={uuid} {at} xfs defaults,nofail 0 2\n", table.trim_end());
                self.write("/etc/fstab", line.as_bytes(), 0o644)?;
            }
        }
        must("mount", &["-t", "xfs", &format!("UUID={uuid}"), at]).map(drop)
    }

    async fn unmount(&self, at: &str) -> Result<(), Fault> {
        must("umount", &[at]).map(drop)
    }

    async fn pull(&self, image: &str) -> Result<String, Fault> {
        // The agent may answer before the first boot has installed Docker.
        must("cloud-init", &["status", "--wait"])?;
        must("docker", &["pull", "--quiet", image])?;
        let digests = must("docker", &["image", "inspect", "--format", "{{index .RepoDigests 0}}", image])?;
        let digest = digests.trim().rsplit('@').next().unwrap_or_default().to_string();
        if digest.starts_with("sha256:") { Ok(digest) } else { Err(Fault::internal(format!("{image} has no digest"))) }
    }

    async fn irita(&self, image: &str, home: &str, args: &[&str], stdin: &str) -> Result<Output, Fault> {
        std::fs::create_dir_all(home).map_err(|e| io(home, e))?;
        let (mount, env) = (format!("{ROOT}:{ROOT}"), format!("HOME={home}"));
        // No log: what irita prints may hold a mnemonic, and Docker would write it to the root volume.
        let base = ["run", "--rm", "-i", "--log-driver", "none", "--network", "none", "-v", &mount, "-w", home, "--entrypoint", "env", image];
        let clean = ["-i", &env, "PATH=/usr/local/bin:/usr/bin:/bin", "irita"];
        run("docker", &[base.as_slice(), clean.as_slice(), args].concat(), stdin)
    }

    async fn start_service(&self, image: &str, home: &str) -> Result<(), Fault> {
        let unit = format!(
            "[Unit]\nDescription=IRITA node\nAfter=docker.service network-online.target\nRequires=docker.service\n\
             RequiresMountsFor={data} {identity}\n\n[Service]\nExecStartPre=-/usr/bin/docker rm -f {SERVICE}\n\
             ExecStart=/usr/bin/docker run --rm --name {SERVICE} --network host --log-driver json-file --log-opt max-size=50m \
             --log-opt max-file=4 -v {ROOT}:{ROOT} --entrypoint env {image} -i HOME={home} PATH=/usr/local/bin:/usr/bin:/bin \
             irita start --log_format json\nExecStop=/usr/bin/docker stop -t 30 {SERVICE}\nRestart=on-failure\nRestartSec=5\n\n\
             [Install]\nWantedBy=multi-user.target\n",
            data = layout::DATA,
            identity = layout::IDENTITY,
        );
        self.write(&format!("/etc/systemd/system/{SERVICE}.service"), unit.as_bytes(), 0o644)?;
        must("systemctl", &["daemon-reload"])?;
        must("systemctl", &["enable", SERVICE])?;
        must("systemctl", &["restart", SERVICE]).map(drop)
    }

    async fn rpc(&self, path: &str) -> Result<Option<Value>, Fault> {
        let out = run("curl", &["-s", "--max-time", "5", &format!("http://127.0.0.1:26657{path}")], "")?;
        if out.code != 0 {
            return Ok(None);
        }
        serde_json::from_str(&out.stdout).map(Some).map_err(|e| Fault::internal(format!("rpc {path}: {e}")))
    }

    async fn sleep(&self, seconds: u64) {
        // A program of its own on its own machine: nothing else waits for this thread.
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }

    fn now(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
    }

    fn entropy(&self, count: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; count];
        let mut source = std::fs::File::open("/dev/urandom").map_err(|e| io("/dev/urandom", e))?;
        source.read_exact(&mut bytes).map_err(|e| io("/dev/urandom", e))?;
        Ok(bytes)
    }

    async fn get_object(&self, bucket: &str, region: &str, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let file = format!("/run/nodectl-{}.get", std::process::id());
        let out = run("aws", &["s3api", "get-object", "--region", region, "--bucket", bucket, "--key", key, &file], "")?;
        if out.code != 0 {
            let gone = out.stderr.contains("NoSuchKey");
            let why = format!("s3 get {key}: {}", out.stderr.trim());
            return if gone { Ok(None) } else { Err(Fault::new(Class::Transient, why)) };
        }
        let bytes = self.read(&file)?;
        self.remove(&file)?;
        Ok(bytes)
    }

    async fn put_object(&self, bucket: &str, region: &str, key: &str, bytes: &[u8]) -> Result<bool, Fault> {
        let file = format!("/run/nodectl-{}.put", std::process::id());
        self.write(&file, bytes, 0o600)?;
        let args = ["s3api", "put-object", "--region", region, "--bucket", bucket, "--key", key, "--if-none-match", "*", "--body", &file];
        let out = run("aws", &args, "")?;
        self.remove(&file)?;
        match out {
            Output { code: 0, .. } => Ok(true),
            Output { stderr, .. } if stderr.contains("PreconditionFailed") => Ok(false),
            Output { stderr, .. } => Err(Fault::new(Class::Transient, format!("s3 put {key}: {}", stderr.trim()))),
        }
    }

    async fn log_tail(&self) -> Result<String, Fault> {
        let out = run("docker", &["logs", "--tail", "5", SERVICE], "")?;
        Ok(out.stderr.chars().rev().take(600).collect::<Vec<_>>().into_iter().rev().collect())
    }
}
