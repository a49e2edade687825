//! A Lambda Runtime API on loopback, as small as one cold start needs: it gives one event and hears one answer. The same port
//! answers the one AWS call that the measured function makes.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How the function ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// `POST …/response`.
    Response(Value),
    /// `POST …/error` or `init/error`.
    Error(String),
}

/// What is given and answered.
struct Script {
    event: String,
    /// `x-amz-target`'s action and its answer.
    call: (&'static str, String),
    given: AtomicBool,
    ended: AtomicBool,
    heard: mpsc::Sender<(Instant, Heard)>,
}

/// The server; it ends when this is dropped.
pub struct RuntimeApi {
    /// Where it listens.
    pub address: SocketAddr,
    script: Arc<Script>,
    heard: mpsc::Receiver<(Instant, Heard)>,
}

impl RuntimeApi {
    /// Serves one event, and `answer` to the AWS action `action`.
    pub fn start(event: &Value, action: &'static str, answer: &Value) -> std::io::Result<RuntimeApi> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (send, heard) = mpsc::channel();
        let (given, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let script = Arc::new(Script { event: event.to_string(), call: (action, answer.to_string()), given, ended, heard: send });
        let shared = script.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                let script = shared.clone();
                // A connection ends with the function's process.
                std::thread::spawn(move || drop(serve(stream, &script)));
            }
        });
        Ok(RuntimeApi { address, script, heard })
    }

    /// Waits for the function's answer; `None` = none came in time.
    pub fn heard(&self, limit: Duration) -> Option<(Instant, Heard)> {
        self.heard.recv_timeout(limit).ok()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.script.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

struct Message {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Message>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_string());
    }
    let body = match headers.get("content-length").and_then(|n| n.parse().ok()) {
        Some(length) => {
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes)?;
            bytes
        }
        None if headers.get("transfer-encoding").is_some_and(|t| t == "chunked") => chunks(reader)?,
        None => vec![],
    };
    let mut words = first.split_whitespace().map(String::from);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Some(Message { method, path, headers, body: String::from_utf8_lossy(&body).into_owned() }))
}

fn chunks(reader: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut all = vec![];
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::Error::other("a bad chunk"))?;
        let mut part = vec![0; length + 2];
        reader.read_exact(&mut part)?;
        if length == 0 {
            return Ok(all);
        }
        all.extend(&part[..length]);
    }
}

fn write(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())
}

/// One connection, message by message, until the other side closes it.
fn serve(mut stream: TcpStream, script: &Script) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(message) = read(&mut reader)? {
        let now = Instant::now();
        let place = message.path.rsplit('/').next().unwrap_or_default();
        match (message.method.as_str(), place) {
            ("GET", "next") if !script.given.swap(true, Ordering::SeqCst) => {
                let headers = "Lambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\nContent-Type: application/json\r\n";
                write(&mut stream, "200 OK", headers, &script.event)?;
            }
            // There is no second event: the function waits until it is ended.
            ("GET", "next") => continue,
            ("POST", "response" | "error") => {
                let body = message.body;
                let heard = if place == "error" { Heard::Error(body) } else { Heard::Response(serde_json::from_str(&body).unwrap_or_default()) };
                let _ = script.heard.send((now, heard));
                write(&mut stream, "202 Accepted", "", "")?;
            }
            ("POST", "") if message.headers.get("x-amz-target").is_some_and(|t| t.ends_with(&format!(".{}", script.call.0))) => {
                let signed = message.headers.get("authorization").is_some_and(|a| a.contains("Signature="));
                let (status, body) = if signed { ("200 OK", script.call.1.as_str()) } else { ("403 Forbidden", "{\"__type\":\"MissingAuthenticationToken\"}") };
                write(&mut stream, status, "Content-Type: application/x-amz-json-1.1\r\n", body)?;
            }
            (method, path) => {
                let _ = script.heard.send((now, Heard::Error(format!("nobody expects {method} {path}"))));
                write(&mut stream, "404 Not Found", "", "")?;
            }
        }
    }
    Ok(())
}
