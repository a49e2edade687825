//! The real machine: Amazon Linux 2023 with Docker, systemd and `aws s3api`.

use crate::files::{self, io, must, run};
use crate::host::{Disk, Host, Instance, Output, Service};
use crate::layout::{Layout, ROOT};
use domain::{Class, Fault};
use serde_json::{Map, Value, json};

/// Name of the service that runs `irita start`.
const SERVICE: &str = "consortium-irita";
/// Label of containers that run one irita command.
const COMMAND: &str = "consortium-irita-command";

/// One nodectl at a time.
const LOCK: &str = "/run/nodectl.lock";

/// This computer.
#[derive(Debug, Default)]
pub struct Machine;

impl Host for Machine {
    type Lock = std::fs::File;

    async fn lock(&self) -> Result<std::fs::File, Fault> {
        let file = std::fs::File::create(LOCK).map_err(|e| io(LOCK, e))?;
        file.lock().map_err(|e| io(LOCK, e))?;
        // An irita command whose nodectl was killed goes on in its container: it must be over before anybody looks.
        // Before the first boot has installed Docker there is none.
        if let Ok(list) = run("docker", &["ps", "--quiet", "--filter", &format!("label={COMMAND}")], &[]) {
            for left in list.stdout.lines() {
                must("docker", &["rm", "--force", left])?;
            }
        }
        Ok(file)
    }

    async fn instance(&self) -> Result<Instance, Fault> {
        let token = must("curl", &["-sf", "-X", "PUT", "-H", "X-aws-ec2-metadata-token-ttl-seconds: 60", "http://169.254.169.254/latest/api/token"])?;
        let header = format!("X-aws-ec2-metadata-token: {}", token.trim());
        let get = |what: &str| must("curl", &["-sf", "-H", &header, &format!("http://169.254.169.254/latest/meta-data/{what}")]);
        Ok(Instance { id: get("instance-id")?.trim().into(), ip: get("local-ipv4")?.trim().into() })
    }

    fn root(&self) -> String {
        ROOT.into()
    }

    fn listen(&self) -> Map<String, Value> {
        // The security group decides who reaches which port.
        Map::from_iter([("rpc.laddr".to_string(), json!("tcp://0.0.0.0:26657"))])
    }

    fn rpc_address(&self) -> String {
        "127.0.0.1:26657".into()
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

    async fn irita(&self, image: &str, home: &str, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
        std::fs::create_dir_all(home).map_err(|e| io(home, e))?;
        let (mount, env) = (format!("{ROOT}:{ROOT}"), format!("HOME={home}"));
        let network = if args.contains(&"--node") { "host" } else { "none" };
        // No log: what irita prints may hold a mnemonic, and Docker would write it to the root volume.
        let base =
            ["run", "--rm", "-i", "--label", COMMAND, "--log-driver", "none", "--network", network, "-v", &mount, "-w", home, "--entrypoint", "env", image];
        let clean = ["-i", &env, "PATH=/usr/local/bin:/usr/bin:/bin", "irita"];
        run("docker", &[base.as_slice(), clean.as_slice(), args].concat(), stdin)
    }

    async fn start_service(&self, image: &str, home: &str) -> Result<(), Fault> {
        let at = Layout::new(ROOT);
        let nodectl = std::env::current_exe().map_err(|e| io("nodectl", e))?;
        let nodectl = nodectl.display();
        let unit = format!(
            "[Unit]\nDescription=IRITA node\nAfter=docker.service network-online.target\nRequires=docker.service\n\
             RequiresMountsFor={data} {identity}\n\n[Service]\nExecStartPre={nodectl} check-identity\n\
             ExecStartPre=-/usr/bin/docker rm -f {SERVICE}\n\
             ExecStart=/usr/bin/docker run --rm --name {SERVICE} --network host --log-driver json-file --log-opt max-size=50m \
             --log-opt max-file=4 -v {ROOT}:{ROOT} --entrypoint env {image} -i HOME={home} PATH=/usr/local/bin:/usr/bin:/bin \
             irita start --log_format json\nExecStop=/usr/bin/docker stop -t 30 {SERVICE}\nRestart=on-failure\nRestartSec=5\n\n\
             [Install]\nWantedBy=multi-user.target\n",
            data = at.data(),
            identity = at.identities(),
        );
        self.write(&format!("/etc/systemd/system/{SERVICE}.service"), unit.as_bytes(), 0o644)?;
        must("systemctl", &["daemon-reload"])?;
        must("systemctl", &["enable", SERVICE])?;
        must("systemctl", &["restart", SERVICE]).map(drop)
    }

    async fn stop_service(&self) -> Result<(), Fault> {
        must("systemctl", &["disable", "--now", SERVICE]).map(drop)
    }

    async fn service(&self) -> Result<Service, Fault> {
        let shown = must("systemctl", &["show", SERVICE, "--property", "LoadState,ActiveState,NRestarts,Result,ExecMainStatus"])?;
        let value = |name: &str| shown.lines().find_map(|l| l.strip_prefix(&format!("{name}="))).unwrap_or_default().to_string();
        let state = match (value("LoadState").as_str(), value("ActiveState").as_str()) {
            ("not-found", _) => "absent",
            (_, "active") => "running",
            (_, "activating" | "failed") => "restarting",
            _ => "stopped",
        };
        let reason = if value("Result") == "success" { String::new() } else { format!("{}, exit {}", value("Result"), value("ExecMainStatus")) };
        Ok(Service { state: state.into(), restarts: value("NRestarts").parse().unwrap_or_default(), reason })
    }

    async fn rpc(&self, path: &str) -> Result<Option<Value>, Fault> {
        files::rpc(&self.rpc_address(), path)
    }

    async fn sleep(&self, seconds: u64) {
        // A program of its own on its own machine: nothing else waits for this thread.
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }

    async fn get_object(&self, bucket: &str, region: &str, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let file = format!("/run/nodectl-{}.get", std::process::id());
        let out = run("aws", &["s3api", "get-object", "--region", region, "--bucket", bucket, "--key", key, &file], &[])?;
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
        let out = run("aws", &args, &[])?;
        self.remove(&file)?;
        match out {
            Output { code: 0, .. } => Ok(true),
            Output { stderr, .. } if stderr.contains("PreconditionFailed") => Ok(false),
            Output { stderr, .. } => Err(Fault::new(Class::Transient, format!("s3 put {key}: {}", stderr.trim()))),
        }
    }

    async fn log(&self, lines: usize) -> Result<String, Fault> {
        Ok(run("docker", &["logs", "--tail", &lines.to_string(), SERVICE], &[])?.stderr)
    }
}
