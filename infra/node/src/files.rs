//! Files, programs and randomness of a Linux computer, for every host that is one.

use crate::host::Output;
use domain::Fault;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// irita reads a mnemonic and a passphrase through two buffers: written at once, the first takes both.
const BETWEEN_PIECES: Duration = Duration::from_millis(700);

pub(crate) fn io(what: &str, e: std::io::Error) -> Fault {
    Fault::internal(format!("{what}: {e}"))
}

/// Runs a program to its end. `stdin` is written piece by piece.
pub(crate) fn run_command(command: &mut Command, name: &str, stdin: &[&str]) -> Result<Output, Fault> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| io(name, e))?;
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
    if let Some(mut pipe) = child.stdin.take() {
        for (i, piece) in stdin.iter().enumerate() {
            if i > 0 {
                std::thread::sleep(BETWEEN_PIECES);
            }
            // A program that does not read its input closes the pipe early: that is its right.
            let _ = pipe.write_all(piece.as_bytes()).and_then(|()| pipe.flush());
        }
    }
    let status = child.wait().map_err(|e| io(name, e))?;
    let text = |t: std::thread::JoinHandle<String>| t.join().unwrap_or_default();
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(9));
    Ok(Output { code, stdout: text(stdout), stderr: text(stderr) })
}

pub(crate) fn run(program: &str, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
    run_command(Command::new(program).args(args), program, stdin)
}

/// Output of a program that must end well.
pub(crate) fn must(program: &str, args: &[&str]) -> Result<String, Fault> {
    let out = run(program, args, &[])?;
    if out.code == 0 {
        return Ok(out.stdout);
    }
    Err(Fault::internal(format!("{program} {}: exit {}: {}", args.first().unwrap_or(&""), out.code, out.stderr.trim())))
}

pub(crate) fn read(path: &str) -> Result<Option<Vec<u8>>, Fault> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(io(path, e)),
    }
}

/// Whole or not at all, also when the process dies meanwhile.
pub(crate) fn write(path: &str, bytes: &[u8], mode: u32) -> Result<(), Fault> {
    let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(|e| io(path, e))?;
    // A name of its own: somebody who only looks may write beside an order.
    let new = format!("{path}.new-{}", std::process::id());
    remove(&new)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).map_err(|e| io(path, e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| io(path, e))?;
    std::fs::rename(&new, path).map_err(|e| io(path, e))
}

pub(crate) fn remove(path: &str) -> Result<(), Fault> {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
    let gone = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match gone {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(io(path, e)),
        _ => Ok(()),
    }
}

/// Makes `from` a symbolic link to the folder `to`; safe to repeat.
pub(crate) fn link(from: &str, to: &str) -> Result<(), Fault> {
    std::fs::create_dir_all(to).map_err(|e| io(to, e))?;
    if std::fs::read_link(from).is_ok_and(|target| target == Path::new(to)) {
        return Ok(());
    }
    if let Some(folder) = Path::new(from).parent() {
        std::fs::create_dir_all(folder).map_err(|e| io(from, e))?;
    }
    if std::fs::symlink_metadata(from).is_ok_and(|m| m.is_dir()) {
        // irita makes its folders at every command; an empty one may give way, one with content may not.
        std::fs::remove_dir(from).map_err(|e| io(from, e))?;
    }
    symlink(to, from).map_err(|e| io(from, e))
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
}

pub(crate) fn entropy(count: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; count];
    let mut source = std::fs::File::open("/dev/urandom").map_err(|e| io("/dev/urandom", e))?;
    source.read_exact(&mut bytes).map_err(|e| io("/dev/urandom", e))?;
    Ok(bytes)
}

/// Free space of the file system that a path lies on, in percent.
pub(crate) fn free_percent(path: &str) -> Result<u8, Fault> {
    let found = nix::sys::statvfs::statvfs(path).map_err(|e| Fault::internal(format!("{path}: {e}")))?;
    Ok((found.blocks_available() as u128 * 100 / u128::from(found.blocks().max(1))) as u8)
}

/// GET on an RPC address (`host:port`); `None` while nobody listens there.
pub(crate) fn rpc(address: &str, path: &str) -> Result<Option<Value>, Fault> {
    let out = run("curl", &["-s", "--max-time", "5", &format!("http://{address}{path}")], &[])?;
    if out.code != 0 {
        return Ok(None);
    }
    serde_json::from_str(&out.stdout).map(Some).map_err(|e| Fault::internal(format!("rpc {path}: {e}")))
}

/// Whether a machine answers a connection within three seconds. A refusal is an answer; silence is a closed way.
pub fn reaches(ip: &str, port: u16) -> bool {
    let Ok(ip) = ip.parse::<std::net::Ipv4Addr>() else { return false };
    match std::net::TcpStream::connect_timeout(&(ip, port).into(), std::time::Duration::from_secs(3)) {
        Ok(_) => true,
        Err(e) => e.kind() == std::io::ErrorKind::ConnectionRefused,
    }
}
