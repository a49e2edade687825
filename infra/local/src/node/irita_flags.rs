//! Command line of the simulated irita: which commands there are, which flags and how many arguments each takes, and how
//! irita refuses others.

use super::irita::{error, ok};
use nodectl::Output;

/// Flags of every command. A `!` marks those without a value.
const GLOBAL: &str = "home log_format log_level trace! help! h!";
const KEYS: &str = "keyring-backend keyring-dir output";
const TX: &str = "account-number a broadcast-mode b dry-run! fee-account fees from gas gas-adjustment gas-prices generate-only! \
    keyring-backend keyring-dir ledger! node note offline! output o sequence s sign-mode timeout-height yes! y! chain-id";
const QUERY: &str = "height node output o chain-id";

/// A command: its words, what its usage line adds, fewest and most arguments, and its flags.
struct Command(&'static str, &'static str, usize, usize, [&'static str; 2]);

const COMMANDS: [Command; 13] = [
    Command("init", "[moniker]", 1, 1, ["chain-id overwrite! o!", ""]),
    Command("genkey", "", 0, usize::MAX, ["out-file type", ""]),
    Command("tendermint show-validator", "", 0, usize::MAX, ["", ""]),
    Command(
        "keys add",
        "<name>",
        1,
        1,
        ["account algo coin-type dry-run! hd-path index interactive! i! ledger! multisig multisig-threshold no-backup! nosort! pubkey recover!", KEYS],
    ),
    Command("keys list", "", 0, usize::MAX, ["list-names! n!", KEYS]),
    Command("keys show", "[name_or_address [name_or_address...]]", 1, usize::MAX, ["address! a! bech device! d! multisig-threshold pubkey! p!", KEYS]),
    Command("tx node create-validator", "", 0, usize::MAX, ["cert description ip name node-id power", TX]),
    Command("tx sign", "[file]", 1, 1, ["amino! multisig output-document overwrite! signature-only!", TX]),
    Command("tx multisign", "[file] [name] [[signature]...]", 3, usize::MAX, ["amino! output-document signature-only!", TX]),
    Command("tx broadcast", "[file_path]", 1, 1, ["", TX]),
    Command("query perm roles", "[account]", 1, 1, ["", QUERY]),
    Command("query auth account", "[address]", 1, 1, ["", QUERY]),
    Command("query node validators", "", 0, usize::MAX, ["count-total! limit offset page page-key reverse!", QUERY]),
];

/// What irita answers before it looks at anything else; `None` = the command line is as it should be.
pub(super) fn refused(args: &[&str]) -> Option<Output> {
    let words = |c: &Command| c.0.split(' ').count();
    let Some(command) = COMMANDS.iter().find(|c| c.0.split(' ').eq(args.iter().take(words(c)).copied())) else { return Some(unknown(args)) };
    let Command(path, arguments, fewest, most, own) = command;
    let usage = format!("{path} {arguments} [flags]").replace("  ", " ");
    let flags: Vec<&str> = own.iter().chain([&GLOBAL]).flat_map(|f| f.split_whitespace()).collect();
    let (mut given, mut rest) = (0, args[words(command)..].iter());
    while let Some(word) = rest.next() {
        let long = word.strip_prefix("--");
        let Some(name) = long.or(word.strip_prefix('-')) else {
            given += 1;
            continue;
        };
        let (name, inline) = name.split_once('=').map_or((name, false), |(n, _)| (n, true));
        // One letter, one dash.
        let fits = |flag: &str| flag == name && (flag.len() == 1) == long.is_none();
        if flags.iter().any(|f| f.strip_suffix('!').is_some_and(fits)) || inline && flags.iter().any(|f| fits(f)) {
            continue;
        }
        if !flags.iter().any(|f| fits(f)) {
            let letter = name.chars().next().unwrap_or('-');
            let what = long.map_or(format!("unknown shorthand flag: '{letter}' in -{name}"), |_| format!("unknown flag: --{name}"));
            return Some(error(what, &usage));
        }
        if rest.next().is_none() {
            return Some(error(long.map_or(format!("flag needs an argument: '{name}' in -{name}"), |_| format!("flag needs an argument: --{name}")), &usage));
        }
    }
    match given {
        n if n >= *fewest && n <= *most => None,
        n if *most == usize::MAX => Some(error(format!("requires at least {fewest} arg(s), only received {n}"), &usage)),
        n => Some(error(format!("accepts {fewest} arg(s), received {n}"), &usage)),
    }
}

/// The longest known beginning says which command has no such sub-command.
fn unknown(args: &[&str]) -> Output {
    let known = |n: usize| COMMANDS.iter().any(|c| c.0.split(' ').take(n).eq(args.iter().take(n).copied()));
    let depth = (1..=args.len()).take_while(|n| known(*n)).last().unwrap_or(0);
    match (depth, args.get(depth)) {
        (0, word) => Output {
            code: 1,
            stderr: format!("Error: unknown command \"{}\" for \"irita\"\nRun 'irita --help' for usage.\n", word.unwrap_or(&"")),
            ..Output::default()
        },
        // Only below `tx` and `query` is it an error; elsewhere irita shows its help.
        (_, Some(word)) if ["tx", "query"].contains(&args[0]) => {
            error(format!("unknown command \"{word}\" for \"{}\"", args[depth - 1]), &format!("{} [flags]", args[..depth].join(" ")))
        }
        _ => ok(format!("Usage:\n  irita {} [command]\n", args[..depth].join(" ")), ""),
    }
}

/// Flags that a command cannot do without, as irita names those that are missing.
pub(super) fn missing(args: &[&str], required: &[&str]) -> Option<String> {
    let gone: Vec<String> = required.iter().filter(|f| !args.contains(&format!("--{f}").as_str())).map(|f| format!("\"{f}\"")).collect();
    (!gone.is_empty()).then(|| format!("required flag(s) {} not set", gone.join(", ")))
}
