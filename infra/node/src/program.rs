//! The program: `nodectl order …` for Run Command, and the words that a person types in Session Manager.

use crate::Machine;
use crate::files::io;
use crate::host::Host;
use crate::process::{ProcessHost, service};
use crate::verbs::{by_hand, check_identity, run};
use domain::{Class, Fault};
use std::io::Read;
use std::process::ExitCode;

const USAGE: &str = "usage: nodectl COMMAND [--machine FOLDER]

  order ORDER IMAGE       carry out one order (base64url JSON), as Run Command does; one JSON answer
  check-identity          may this machine sign? looked at before every start of irita
  keys IMAGE              names and addresses of the keys in the operator's keyring
  recover NAME IMAGE      put a key back from its mnemonic, which is read from standard input and goes nowhere else
  log [LINES]             last lines of irita's log

for machines that are only processes (--machine FOLDER):
  serve                   supervise irita; ends when it is told to
  power on|off|cut        start it as a machine boots, stop it cleanly, or kill it at once

Examples:
  nodectl check-identity
  read -rs MNEMONIC; printf '%s' \"$MNEMONIC\" | nodectl recover treasury bianjie/irita:v3.2.3-wenchangchain
  nodectl log 50
";

/// Runs the program with its arguments.
pub fn program(mut args: Vec<String>) -> ExitCode {
    let machine = args.iter().position(|a| a == "--machine").filter(|at| at + 1 < args.len()).map(|at| {
        args.remove(at);
        args.remove(at)
    });
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match machine {
        None => command(&Machine, &words),
        Some(folder) => ProcessHost::open(&folder).and_then(|host| match words.as_slice() {
            ["serve"] => service::serve(&host).map(|()| ExitCode::SUCCESS),
            ["power", "on"] => service::boot(&host).map(|()| ExitCode::SUCCESS),
            ["power", "off"] => service::stop(&host).map(|()| ExitCode::SUCCESS),
            ["power", "cut"] => service::cut(&host).map(|()| ExitCode::SUCCESS),
            words => command(&host, words),
        }),
    };
    done.unwrap_or_else(|fault| {
        eprintln!("{}: {fault}", fault.class.error_name());
        ExitCode::from(if fault.class == Class::InvalidInput { 2 } else { 1 })
    })
}

fn command<H: Host>(host: &H, words: &[&str]) -> Result<ExitCode, Fault> {
    match words {
        ["order", order, image] => {
            let answer = pollster::block_on(run(host, order, image));
            println!("{}", serde_json::json!(answer));
            return Ok(ExitCode::from(u8::from(answer.fault.is_some())));
        }
        ["check-identity"] => {
            let pins = pollster::block_on(check_identity::look(host))?;
            println!(
                "{} of {} may sign: consensus address {}, signed up to {}",
                pins.node,
                pins.network,
                pins.cons_address,
                check_identity::signed_height(host)?
            );
        }
        ["keys", image] => println!("{}", pollster::block_on(by_hand::keys(host, image))?),
        ["recover", name, image] => {
            let mut mnemonic = String::new();
            std::io::stdin().take(4096).read_to_string(&mut mnemonic).map_err(|e| io("stdin", e))?;
            println!("{}", pollster::block_on(by_hand::recover(host, name, image, mnemonic.trim()))?);
        }
        ["log"] => println!("{}", pollster::block_on(host.log(30))?),
        ["log", lines] => println!("{}", pollster::block_on(host.log(lines.parse().unwrap_or(30)))?),
        _ => {
            eprint!("{USAGE}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
