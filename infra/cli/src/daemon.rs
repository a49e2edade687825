//! The background cloud: machines that are processes live in real time, so somebody must be there when the command that launched
//! them has ended. It listens on a socket in the home folder; a command sends its work there and is sent what to print.

use crate::home::{Home, Settings};
use crate::lang::{Key, Lang};
use crate::out::{Out, Said};
use crate::session::{Place, Session};
use crate::work::Work;
use domain::{Class, Fault};
use local_cloud::Machines;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// It is up in well under a second; a large world takes longer to read.
const START: Duration = Duration::from_secs(30);

/// What a command sends, one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    #[serde(default)]
    lang: Lang,
    asked: Asked,
}

/// What it asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Work for the cloud.
    Work(Box<Work>),
    /// Where it is.
    Where,
    /// Switch every machine off and end.
    Down,
}

fn io(what: &str, e: impl std::fmt::Display) -> Fault {
    Fault::internal(format!("{what}: {e}"))
}

/// Whether a background cloud answers here.
pub async fn is_up(home: &Path) -> bool {
    UnixStream::connect(Home::socket(home)).await.is_ok()
}

/// Starts the background cloud of a home and waits until it answers; one that is up already is success.
pub async fn start(home: &Path) -> Result<(), Fault> {
    if is_up(home).await {
        return Ok(());
    }
    let path = home.join("cloud.log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(|e| io("cloud.log", e))?;
    let errors = log.try_clone().map_err(|e| io("cloud.log", e))?;
    let mut child = Command::new("/proc/self/exe")
        .arg("--home")
        .arg(home)
        .args(["cloud", "run"])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|e| io("consortium cloud run", e))?;
    let began = Instant::now();
    loop {
        if is_up(home).await {
            return Ok(());
        }
        // One that another command is just starting holds the folder; it will answer.
        if let (Ok(Some(status)), true) = (child.try_wait(), Home::take(home).is_ok()) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let last = text.lines().last().unwrap_or_default();
            return Err(Fault::internal(format!("the background cloud ended at once ({status}): {last}; see {}", path.display())));
        }
        if began.elapsed() > START {
            return Err(Fault::new(Class::Transient, format!("the background cloud does not answer after {} s; see {}", START.as_secs(), path.display())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends work to the background cloud and prints what it says; gives the exit code.
pub async fn ask(home: &Path, asked: &Asked, out: &Out) -> Result<u8, Fault> {
    let down =
        || Fault::new(Class::NotFound, format!("the local cloud of {} is down; start it with: consortium --home {} cloud up", home.display(), home.display()));
    let stream = UnixStream::connect(Home::socket(home)).await.map_err(|_| down())?;
    let (read, mut write) = stream.into_split();
    let line = serde_json::to_string(&Order { lang: out.lang(), asked: asked.clone() }).map_err(|e| io("request", e))?;
    write.write_all(format!("{line}\n").as_bytes()).await.map_err(|e| io("background cloud", e))?;
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line).map_err(|e| io("background cloud", e))? {
            Said::Exit(code) => return Ok(code),
            said => out.pass(said),
        }
    }
    Err(Fault::new(
        Class::Transient,
        "the local cloud ended while it was at work; start it with `consortium cloud up`: what was under way is finished or undone then",
    ))
}

/// The background cloud itself, until it is told to end.
pub async fn run(folder: &Path) -> Result<(), Fault> {
    // A session of its own: the terminal that started it may close.
    let _ = nix::unistd::setsid();
    let home = Home::take(folder)?;
    let settings = home.settings()?.ok_or_else(|| {
        Fault::new(Class::NotFound, "this folder is not one of process machines; begin with: consortium launch FILE --node process --irita PATH")
    })?;
    let api = TcpListener::bind("127.0.0.1:0").await.map_err(|e| io("127.0.0.1", e))?;
    let endpoint = format!("http://{}", api.local_addr().map_err(|e| io("127.0.0.1", e))?);
    let folder = folder.canonicalize().map_err(|e| io("home", e))?;
    let machines = Machines {
        folder: folder.clone(),
        irita: settings.irita.clone(),
        nodectl: vec!["/proc/self/exe".into(), "nodectl".into()],
        endpoint: endpoint.clone(),
    };
    let place = Place { region: settings.region.clone(), image: settings.image.clone(), cidr: settings.cidr.clone(), machines: Some(machines) };
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_nanos() as u64).unwrap_or(1);
    let session = Rc::new(Session::open(home.world()?, seed, Some(home.world_file()), &place).await?);
    let cloud = session.cloud.clone();
    tokio::spawn(async move { cloud.serve(api).await });
    session.cloud.power(true).await;
    let socket = Home::socket(&folder);
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).map_err(|e| io(&format!("{} (a path of at most 107 characters)", socket.display()), e))?;
    eprintln!("up: {endpoint}, process {}", std::process::id());
    let mut told = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(|e| io("SIGTERM", e))?;
    let (down, mut asked_down) = tokio::sync::mpsc::channel::<()>(1);
    let local = tokio::task::LocalSet::new();
    let serving = local.run_until(async {
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let (session, down, settings, endpoint, socket) = (session.clone(), down.clone(), settings.clone(), endpoint.clone(), socket.clone());
                    tokio::task::spawn_local(async move { answer(stream, &session, &settings, &endpoint, &socket, down).await });
                }
                _ = told.recv() => break,
                _ = asked_down.recv() => break,
            }
        }
    });
    serving.await;
    session.cloud.save().map_err(|e| io("world.json", e))?;
    let _ = std::fs::remove_file(&socket);
    eprintln!("down");
    Ok(())
}

/// Carries out what one command asks. The work goes on when the command that asked for it goes away.
async fn answer(stream: UnixStream, session: &Session, settings: &Settings, endpoint: &str, socket: &Path, down: tokio::sync::mpsc::Sender<()>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let Ok(Some(line)) = lines.next_line().await else { return };
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel::<Said>();
    let writer = tokio::task::spawn_local(async move {
        while let Some(said) = said.recv().await {
            let line = serde_json::to_string(&said).unwrap_or_default();
            if write.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                break;
            }
        }
    });
    let order = serde_json::from_str::<Order>(&line);
    let out = Out::to(move |s| drop(say.send(s))).speaking(order.as_ref().map(|o| o.lang).unwrap_or_default());
    let mut ends = false;
    let code = match order.map(|o| o.asked) {
        Err(e) => out.refuse(&Fault::field("request", e, "{\"asked\":\"where\"}"), false),
        Ok(Asked::Where) => {
            out.say(Key::CloudUp, &[&std::process::id(), &endpoint, &settings.irita]);
            0
        }
        Ok(Asked::Down) if session.cloud.is_busy() => {
            let why = "something is at work in it (a launch, an operation, or what settles one); wait until it has ended";
            out.refuse(&Fault::new(Class::Conflict, why), false)
        }
        Ok(Asked::Down) => {
            // Nobody may come in any more.
            let _ = std::fs::remove_file(socket);
            session.cloud.power(false).await;
            out.say(Key::CloudDown, &[]);
            ends = true;
            0
        }
        Ok(Asked::Work(work)) => {
            let code = match work.run(session, &out).await {
                Ok(code) => code,
                Err(fault) => out.refuse(&fault, work.json()),
            };
            match session.cloud.save() {
                Ok(()) => code,
                Err(e) => out.refuse(&io("world.json", e), work.json()),
            }
        }
    };
    out.exit(code);
    drop(out);
    let _ = writer.await;
    if ends {
        let _ = down.send(()).await;
    }
}

/// Waits until a background cloud that was told to end has let go of its folder.
pub async fn ended(home: &Path) -> Result<(), Fault> {
    let began = Instant::now();
    loop {
        match Home::take(home) {
            Err(f) if f.class == Class::Conflict && began.elapsed() < START => tokio::time::sleep(Duration::from_millis(50)).await,
            other => return other.map(drop),
        }
    }
}
