//! `mundi node` and `mundi config`.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueHint};
use mundi_node::{KEYS, Kind, Setting};
use std::path::PathBuf;

/// Run a node: keep a chain, make blocks of what is sent to it, answer JSON-RPC.
///
/// The chain is in a folder and goes on from where it was, however the node ended. The first time it needs a genesis file, or a
/// built-in chain. Ctrl-C and SIGTERM end it in good order, a second one at once.
///
/// With the keys of a validator (--consensus.network, --consensus.validator) it orders transactions together with the others of its
/// network: `mundi net new` makes such keys and settings. With --follow it follows a network through any of its nodes, and believes
/// nothing but certificates under the network's group key (--group-key); it needs no genesis file.
///
/// Every setting is a flag, a variable and a key of a file: --http.port 8545, MUNDI_HTTP_PORT=8545, and `port = 8545` below `[http]`.
/// Flags go before variables, and these before the file. `mundi config default` prints a file with all of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mundi node --genesis genesis.json                      a new chain, in the default folder
  mundi node                                             and on it goes
  mundi node --config node.toml --metrics
  mundi node --follow http://HOST:8545 --group-key HEX --datadir follower --http.port 9000
                                                         a follower: `groupKey` in network.json is the key
  mundi import --genesis genesis.json chain.rlp && mundi node --no-mine
  mundi node --http.api eth,net,web3 --http.addr 0.0.0.0 --http.corsdomain https://app.example.org

Exit status:
  0    ended by Ctrl-C or SIGTERM, all in order
  1    the chain stopped by itself; it says why
  2    it cannot start")]
pub(crate) struct NodeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// Where settings come from.
#[derive(Debug, Args)]
pub(crate) struct SettingArgs {
    /// A file with settings; MUNDI_CONFIG names one too.
    #[arg(long, value_name = "NODE.toml", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Make no blocks, only answer; the same as --blocks.mine false.
    #[arg(long, visible_alias = "no-mining")]
    pub(crate) no_mine: bool,
    #[command(flatten)]
    pub(crate) flags: SettingFlags,
}

/// Settings given as flags: one flag for each key.
#[derive(Debug, Default)]
pub(crate) struct SettingFlags(pub(crate) Vec<(&'static str, String)>);

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        KEYS.iter().map(argument).fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(key: &'static Setting) -> Arg {
    let section = key.name.split_once('.').map_or("Chain", |(section, _)| section);
    let help = match key.default {
        Some(default) => {
            format!("{} [default: {}]", key.help.trim_end_matches('.'), default.trim_matches('"'))
        }
        None => key.help.trim_end_matches('.').to_owned(),
    };
    let argument = Arg::new(key.name).long(key.name).help(help).help_heading(section).num_args(1);
    let argument = match key.alias {
        Some(alias) => argument.visible_alias(alias),
        None => argument,
    };
    match key.kind {
        Kind::Bool => argument.value_name("true|false").num_args(0..=1).default_missing_value("true"),
        Kind::Port => argument.value_name("PORT"),
        Kind::Ip => argument.value_name("ADDRESS"),
        Kind::Seconds => argument.value_name("SECONDS"),
        Kind::Size => argument.value_name("SIZE"),
        Kind::History => argument.value_name("full|N"),
        Kind::Path if key.name == "datadir" => argument.value_name("DIR").value_hint(ValueHint::DirPath),
        Kind::Path => argument.value_name("PATH").value_hint(ValueHint::FilePath),
        Kind::Number { .. } => argument.value_name("N"),
        Kind::List => argument.value_name("LIST"),
        Kind::Address => argument.value_name("ADDRESS"),
        Kind::Socket => argument.value_name("ADDRESS:PORT"),
        Kind::Urls => argument.value_name("URL,…").value_hint(ValueHint::Url),
        Kind::GroupKey => argument.value_name("HEX"),
        Kind::Choice(_) | Kind::Text => argument.value_name("TEXT"),
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key: &'static Setting| {
            let value = matches.get_one::<String>(key.name)?;
            Some((key.name, value.clone()))
        };
        Ok(Self(KEYS.iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Look at the settings of a node.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mundi config default > node.toml      a file with all settings and what they are for
  mundi config check node.toml          is it right?
  mundi config show --config node.toml  what is in force, and where it comes from")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a file with all settings, what they are for and their defaults.
    Default,
    /// Check a file: every key, every value, and the files it names.
    #[command(after_help = "\
Exit status:
  0  it can be used
  2  it cannot; it says which key, and why")]
    Check {
        /// The file.
        #[arg(value_name = "NODE.toml", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print what is in force, and where each value comes from. Takes what `mundi node` takes.
    Show(ConfigShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}
