//! `consortium`: launches, watches and operates IRITA networks; here on the local cloud.

mod cli;

use clap::Parser;
use cli::{Cli, CloudCommand, Command, ConfigCommand, NodeKind};
use consortium::daemon::{self, Asked};
use consortium::home::Home;
use consortium::lang::Lang;
use consortium::out::Out;
use consortium::serve;
use consortium::session::{Place, Session};
use consortium::work::Work;
use consortium::{commands, out::Said};
use domain::request::Request;
use domain::{Class, Fault};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // The node program is inside this one, so that a machine that is a process needs nothing else.
    if args.first().is_some_and(|a| a == "nodectl") {
        return nodectl::program(args[1..].to_vec());
    }
    let cli = Cli::parse();
    let out = Out::here().speaking(cli.lang.unwrap_or_else(Lang::of_environment));
    let (json, done) = carry_out(cli, &out);
    ExitCode::from(done.unwrap_or_else(|fault| out.refuse(&fault, json)))
}

/// A runtime in which time stands still unless every task waits (then it jumps to the next timer), or a real one.
fn runtime(real: bool) -> Result<tokio::runtime::Runtime, Fault> {
    let made = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(!real).build();
    made.map_err(|e| Fault::internal(e.to_string()))
}

/// Gives whether `--json` was asked for, and the exit code.
fn carry_out(cli: Cli, out: &Out) -> (bool, Result<u8, Fault>) {
    let home = cli.home.clone();
    match cli.command {
        Command::Rehearse { file, seed, options } => {
            let run = || -> Result<u8, Fault> {
                let (value, _) = commands::request(&file)?;
                runtime(false)?.block_on(commands::rehearse::run(&value, seed, &options, out))
            };
            (options.json, run())
        }
        Command::Launch { file, plan, node, irita, options } => {
            let json = options.json;
            let run = || -> Result<u8, Fault> {
                let (value, request) = commands::request(&file)?;
                if node == Some(NodeKind::Simulated) && Home::has_processes(&home) {
                    let why = format!("{} holds machines that are processes; choose another folder with --home", home.display());
                    return Err(Fault::new(Class::Conflict, why));
                }
                if let Some(NodeKind::Process) = node {
                    let irita = irita.ok_or_else(|| Fault::field("--irita", "is needed with --node process", "--irita /usr/local/bin/irita"))?;
                    up(&home, Some(&irita), &request)?;
                }
                work(&home, Work::Launch { request: value, plan, options }, (&request).into(), out)
            };
            (json, run())
        }
        Command::Doctor { network, json } => (json, doctor(&home, network, json, out)),
        Command::Recover { network, node, name } => (false, recover(&home, &network, &node, &name)),
        Command::Cloud(command) => (false, cloud(&home, command, out)),
        other => {
            let asked = match as_work(other) {
                Ok(asked) => asked,
                Err(fault) => return (false, Err(fault)),
            };
            (asked.json(), work(&home, asked, Place::default(), out))
        }
    }
}

/// A command as work for a cloud.
fn as_work(command: Command) -> Result<Work, Fault> {
    let look = |network, verb: &str, targets, params, json| Work::Look { network, verb: verb.into(), targets, params, json };
    let operate =
        |network, verb: &str, targets, params, whole_stop, options| Work::Operate { network, verb: verb.into(), targets, params, whole_stop, options };
    Ok(match command {
        Command::Status { network, json } => Work::Status { network, json },
        Command::Remove { network, keep_data, options } => Work::Remove { network, keep_data, options },
        Command::Invite { name, account, region, cidr, days, request, json } => {
            let request = request.map(|file| commands::request(&file)).transpose()?.map(|(value, _)| value);
            Work::Invite { invitation: commands::members::Invitation { name, account, region, cidr, days, request }, json }
        }
        Command::Join { link, account, json } => Work::Join { link, account, json },
        Command::Members { json } => Work::Members { json },
        Command::Revoke { name } => Work::Revoke { name },
        Command::Health { network, nodes, json } => look(network, "check-health", nodes, json!({}), json),
        Command::Logs { network, nodes, lines, json } => look(network, "read-log", nodes, json!({"lines": lines}), json),
        Command::Keys { network, nodes, json } => look(network, "list-keys", nodes, json!({}), json),
        Command::Config(ConfigCommand::Get { network, nodes, config, app, json }) => {
            look(network, "read-config", nodes, json!({"config_toml": config, "app_toml": app}), json)
        }
        Command::Config(ConfigCommand::Set { network, nodes, config, app, whole_stop, options }) => {
            let params = json!({"config_toml": values("--config", &config)?, "app_toml": values("--app", &app)?});
            operate(network, "change-config", nodes, params, whole_stop, options)
        }
        Command::Start { network, nodes, options } => operate(network, "start", nodes, json!({}), false, options),
        Command::Stop { network, nodes, whole_stop, options } => operate(network, "stop", nodes, json!({}), whole_stop, options),
        Command::Restart { network, nodes, whole_stop, options } => operate(network, "restart", nodes, json!({}), whole_stop, options),
        Command::Unjail { network, node, options } => operate(network, "unjail", vec![node], json!({}), false, options),
        Command::Launch { .. } | Command::Rehearse { .. } | Command::Doctor { .. } | Command::Recover { .. } | Command::Cloud(_) => {
            return Err(Fault::internal("not work for a cloud"));
        }
    })
}

/// `mempool.size=8000` as path and value: JSON if it is a number, true or false, else text.
fn values(option: &str, given: &[String]) -> Result<Map<String, Value>, Fault> {
    let one = |text: &String| {
        let (path, value) = text.split_once('=').ok_or_else(|| Fault::field(option, format!("`{text}` has no ="), "mempool.size=8000"))?;
        let parsed = serde_json::from_str(value).ok().filter(|v: &Value| v.is_i64() || v.is_boolean());
        Ok((path.to_string(), parsed.unwrap_or_else(|| json!(value))))
    };
    given.iter().map(one).collect()
}

/// Carries work out where the home's machines are: here, or in the background cloud.
fn work(home: &Path, work: Work, place: Place, out: &Out) -> Result<u8, Fault> {
    if Home::has_processes(home) {
        return runtime(true)?.block_on(daemon::ask(home, &Asked::Work(Box::new(work)), out));
    }
    let begins = matches!(work, Work::Launch { .. } | Work::Invite { .. });
    if !begins && !home.join("world.json").exists() {
        return Err(Fault::new(
            Class::NotFound,
            format!("there is no local world in {} yet; begin with: consortium launch events/console/launch-testnet.json", home.display()),
        ));
    }
    let held = Home::take(home)?;
    runtime(false)?.block_on(async {
        let world = held.world()?;
        let place = place.of(world.as_ref());
        let session = Session::open(world, 1, Some(held.world_file()), &place).await?;
        let done = work.run(&session, out).await;
        session.cloud.save().map_err(|e| Fault::internal(e.to_string()))?;
        done
    })
}

/// Looks at the home folder, then at the world in it if it can be opened.
fn doctor(home: &Path, network: Option<String>, json: bool, out: &Out) -> Result<u8, Fault> {
    let up = Home::has_processes(home) && runtime(true)?.block_on(daemon::is_up(home));
    let found = commands::doctor::home(home, up, out.lang());
    if !found.ok {
        return Ok(commands::doctor::tell(&[found], json, out));
    }
    work(home, Work::Doctor { network, before: vec![found], json }, Place::default(), out)
}

/// Makes a home one of process machines and starts its background cloud.
fn up(home: &Path, irita: Option<&Path>, request: &Request) -> Result<(), Fault> {
    let real = runtime(true)?;
    if real.block_on(daemon::is_up(home)) {
        if let Some(irita) = irita.filter(|i| !Home::runs(home, i)) {
            let why = format!("the local cloud is up with another chain program than {}; switch it off first: consortium cloud down", irita.display());
            return Err(Fault::new(Class::Conflict, why));
        }
        return Ok(());
    }
    if let Some(irita) = irita {
        Home::take(home)?.set_processes(irita, &request.region, &request.image)?;
    }
    real.block_on(daemon::start(home))
}

fn cloud(home: &Path, command: CloudCommand, out: &Out) -> Result<u8, Fault> {
    let ask = |asked: Asked| runtime(true)?.block_on(daemon::ask(home, &asked, out));
    match command {
        CloudCommand::Up { irita } => {
            let default = Request::from_text(domain::request::EXAMPLE.as_bytes())?;
            up(home, irita.as_deref(), &default)?;
            ask(Asked::Where)
        }
        CloudCommand::Down => {
            let code = ask(Asked::Down)?;
            // Refused (something is at work in it): it stays up.
            if code == 0 {
                runtime(true)?.block_on(daemon::ended(home))?;
            }
            Ok(code)
        }
        CloudCommand::Status => ask(Asked::Where),
        CloudCommand::Serve { port, faults } => {
            let faults = consortium::fault_options::parse(&faults)?;
            runtime(false)?.block_on(serve::run(home, port, &faults)).map(|()| 0)
        }
        CloudCommand::Run => runtime(true)?.block_on(daemon::run(home)).map(|()| 0),
    }
}

/// Hands standard input to nodectl on the node's own machine: a mnemonic passes through no cloud and no log.
fn recover(home: &Path, network: &str, node: &str, name: &str) -> Result<u8, Fault> {
    if !Home::has_processes(home) {
        let hint = "on AWS open a session on the node (aws ssm start-session) and type: nodectl recover NAME IMAGE";
        return Err(Fault::new(Class::InvalidInput, format!("simulated machines have no keyring to put a real key into; {hint}")));
    }
    let (say, said) = std::sync::mpsc::channel();
    let out = Out::to(move |s| drop(say.send(s)));
    let status = Work::Status { network: network.into(), json: true };
    runtime(true)?.block_on(daemon::ask(home, &Asked::Work(Box::new(status)), &out))?;
    drop(out);
    let found: Value = said.iter().find_map(|s| if let Said::Out(text) = s { serde_json::from_str(&text).ok() } else { None }).unwrap_or_default();
    let instance = found["nodes"].as_array().into_iter().flatten().find(|n| n["name"] == json!(node)).and_then(|n| n["instance_id"].as_str());
    let instance = instance.ok_or_else(|| Fault::field("NODE", format!("`{node}` is not a node of {network}"), "node0"))?;
    let mut program = std::process::Command::new("/proc/self/exe");
    program.args(["nodectl", "recover", name, "process", "--machine"]).arg(home.join("machines").join(instance));
    let status = program.status().map_err(|e| Fault::internal(format!("nodectl: {e}")))?;
    Ok(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn shows_examples(command: &mut clap::Command) {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example"), "{}", command.get_name());
        command.get_subcommands_mut().filter(|c| !c.is_hide_set() && c.get_name() != "help").for_each(shows_examples);
    }

    #[test]
    fn every_command_is_well_formed_and_shows_an_example() {
        let mut cli = Cli::command();
        cli.clone().debug_assert();
        shows_examples(&mut cli);
    }

    #[test]
    fn values_are_read_by_their_form() {
        let given = ["mempool.size=8000", "p2p.pex=false", "consensus.timeout_commit=2s", "moniker=a=b"].map(String::from);
        let read = values("--config", &given).expect("reads");
        assert_eq!(Value::Object(read), json!({"mempool.size": 8000, "p2p.pex": false, "consensus.timeout_commit": "2s", "moniker": "a=b"}));
        assert!(values("--config", &["mempool.size".to_string()]).is_err());
        assert_eq!(as_work(Command::Status { network: "n".into(), json: true }).map(|w| w.json()), Ok(true));
    }
}
