//! The shipped binary against a small Lambda Runtime API on loopback: a result and a fault come out.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The binary that Lambda starts, built beside this test.
fn bootstrap() -> PathBuf {
    let here = std::env::current_exe().expect("this test");
    let folder = here.ancestors().find(|p| p.join("bootstrap").is_file());
    folder.expect("target folder with bootstrap: run cargo build --workspace first").join("bootstrap")
}

struct Message {
    head: String,
    body: Value,
}

fn read(stream: &mut TcpStream) -> Message {
    let mut reader = BufReader::new(stream.try_clone().expect("clone"));
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    Message { head, body: serde_json::from_slice(&body).unwrap_or_default() }
}

/// Gives a function one event and returns where it posted what: `response` or `error`.
fn invoke(handler: &str, event: &Value) -> (String, Value) {
    let server = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = server.local_addr().expect("address").to_string();
    let mut function = Command::new(bootstrap());
    function.env_clear().env("_HANDLER", handler).env("AWS_LAMBDA_RUNTIME_API", &address).env("AWS_REGION", "us-east-1");
    function.env("AWS_LAMBDA_FUNCTION_NAME", handler).env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").env("AWS_LAMBDA_FUNCTION_VERSION", "1");
    function.env("AWS_LAMBDA_LOG_STREAM_NAME", "s").env("AWS_LAMBDA_LOG_GROUP_NAME", "g");
    let mut function = function.stdin(Stdio::null()).spawn().expect("bootstrap starts");
    let mut given = false;
    let answer = loop {
        let (mut stream, _) = server.accept().expect("the function calls");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("time-out");
        let done = loop {
            let message = read(&mut stream);
            if message.head.starts_with("GET") && !given {
                let body = event.to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(head.as_bytes()).expect("written");
                given = true;
            } else if message.head.starts_with("POST") {
                let place = message.head.split_whitespace().nth(1).unwrap_or_default().rsplit('/').next().unwrap_or_default().to_string();
                stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").expect("written");
                break Some((place, message.body));
            } else {
                break None;
            }
        };
        if let Some(done) = done {
            break done;
        }
    };
    // By its own pid, whatever it is doing.
    function.kill().expect("killed");
    function.wait().expect("ended");
    answer
}

#[test]
fn a_result_and_a_named_fault_come_out() {
    let member = json!({"name": "founder", "account": "111122223333", "region": "us-east-1"});
    let facts = json!([{"member": member, "subnets": [{"id": "subnet-1", "zone": "us-east-1a"}], "offered": [["m6a.large", "us-east-1a"]], "max_nodes": 10, "image": domain::request::DEFAULT_IMAGE,
        "vcpus": {"limit": 512, "used": 0}, "peerings": {"limit": 50, "used": 0}}]);
    let event = |n: u32| json!({"request": proof::request(n), "facts": facts, "execution": "testnet-launch-1"});
    let (place, plan) = invoke("plan-network", &event(4));
    assert_eq!((place.as_str(), plan["nodes"].as_array().map(Vec::len)), ("response", Some(4)), "{plan}");
    let (place, error) = invoke("plan-network", &json!({"request": {"network": "testnet"}}));
    assert_eq!((place.as_str(), &error["errorType"]), ("error", &json!("Fault.InvalidInput")), "{error}");
    assert!(error["errorMessage"].as_str().is_some_and(|m| m.contains("`chain_id`")), "{error}");
    let (_, error) = invoke("plan-network", &event(50));
    assert_eq!(error["errorType"], json!("Fault.Quota"), "{error}");
}
