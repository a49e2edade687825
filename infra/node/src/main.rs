//! `nodectl order <base64url JSON> <image>`: carries out one order on this machine and prints one JSON answer.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [verb, order, image] = args.as_slice() else {
        eprintln!(
            "usage: nodectl order <base64url JSON> <image>\n\nThe order is what the stack's SSM document passes on, the image its parameter; its answer is one JSON object on stdout."
        );
        return ExitCode::from(2);
    };
    if verb != "order" {
        eprintln!("nodectl: `{verb}` is not a command; try: nodectl order <base64url JSON> <image>");
        return ExitCode::from(2);
    }
    let answer = pollster::block_on(nodectl::run(&nodectl::Machine, order, image));
    println!("{}", serde_json::json!(answer));
    ExitCode::from(u8::from(answer.fault.is_some()))
}
